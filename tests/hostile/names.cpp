#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

/// A root filesystem tar.
template <class Add>
std::function<std::string(const Place&)> tar(Add add) {
  return [add](const Place& place) {
    RawTar archive = system();
    add(archive, place);
    return place.file("image.tar", archive.finish());
  };
}

}  // namespace

std::vector<HostileImage> names() {
  return {
      {"DotDot", tar([](RawTar& t, const Place&) { t.file("../canary/secret"); }),
       "../canary/secret: its name leads out of the root"},
      {"DotDotInTheMiddle",
       tar([](RawTar& t, const Place&) { t.directory("a").file("a/../../canary/secret"); }),
       "a/../../canary/secret: its name leads out of the root"},
      {"DotDotAtTheEnd", tar([](RawTar& t, const Place&) { t.directory("a").directory("a/.."); }),
       "a/..: its name leads out of the root"},
      {"DotDotThatStaysInside",
       tar([](RawTar& t, const Place&) { t.directory("a").file("a/../b"); }),
       "a/../b: its name leads out of the root"},
      {"DotDotBehindASlash", tar([](RawTar& t, const Place&) { t.file("/../canary/secret"); }),
       "/../canary/secret: its name leads out of the root"},
      {"DotDotInAnExtendedHeader", tar([](RawTar& t, const Place&) {
         t.pax({{"path", "../canary/secret"}}).file("harmless");
       }),
       "../canary/secret: its name leads out of the root"},
      {"DotDotInALongName", tar([](RawTar& t, const Place&) {
         t.add({"././@LongLink", 'L', std::string("../canary/secret\0", 17)}).file("harmless");
       }),
       "../canary/secret: its name leads out of the root"},
      {"AbsoluteName",
       tar([](RawTar& t, const Place& p) {
         t.pax({{"path", (p.canary / "secret").string()}}).file("f");
       }),
       "",
       {},
       "CANARY/secret"},
      {"ManySlashes", tar([](RawTar& t, const Place&) { t.file("///.//./b"); }), "", {}, "b"},
      {"EmptyName", tar([](RawTar& t, const Place&) { t.file(""); }), "it has no name"},
      {"LinkInPlaceOfTheRoot", tar([](RawTar& t, const Place& p) { t.symlink(".", p.canary); }),
       "it would replace the root"},
      {"FifoInPlaceOfTheRoot", tar([](RawTar& t, const Place&) { t.fifo("/"); }),
       "it would replace the root"},
      {"HardLinkInPlaceOfTheRoot",
       tar([](RawTar& t, const Place&) { t.hardlink(".", "sbin/init"); }),
       "it would replace the root"},
      {"NulInAName",
       tar([](RawTar& t, const Place&) {
         t.pax({{"path", std::string("b\0/../../canary/secret", 22)}}).file("f");
       }),
       "",
       {},
       "b"},
      {"NewlineInAName", tar([](RawTar& t, const Place&) { t.file("a\nb"); }), "", {}, "a\nb"},
      {"NewlineInANameThatIsRefused",
       tar([](RawTar& t, const Place&) { t.file("../a\ndboot-inject: error: forged"); }),
       "../a\\ndboot-inject: error: forged"},
      {"EscapeSequenceInANameThatIsRefused",
       tar([](RawTar& t, const Place&) { t.file("../\x1b[2J\x1b]0;title\a"); }),
       "../\\x1b[2J\\x1b]0;title\\x07: its name leads out of the root"},
      {"NameThatIsNoText",
       tar([](RawTar& t, const Place&) { t.file("\xff\xfe\x80"); }),
       "",
       {},
       "\xff\xfe\x80"},
      {"ComponentThatIsTooLong", tar([](RawTar& t, const Place&) {
         t.pax({{"path", std::string(256, 'n')}}).file("f");
       }),
       "nnnnnnnn: the name of a file has more than 255 bytes"},
      {"PathThatIsTooLong", tar([](RawTar& t, const Place&) {
         std::string path;
         for (int i = 0; i < 5000; ++i) path += "d/";
         t.pax({{"path", path + "f"}}).file("f");
       }),
       "or its path more than 4095"},
      {"DeepDirectories",
       tar([](RawTar& t, const Place&) {
         std::string path;
         for (int i = 0; i < 1000; ++i) {
           path += "d/";
           t.pax({{"path", path}}).directory("d");
         }
       }),
       "",
       {},
       "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d"},
  };
}

std::vector<HostileImage> links() {
  return {
      {"WriteThroughAnAbsoluteLink",
       tar([](RawTar& t, const Place& p) { t.symlink("l", p.canary).file("l/secret"); }),
       "",
       {},
       "CANARY/secret"},
      {"WriteThroughARelativeLink",
       tar([](RawTar& t, const Place&) { t.symlink("l", "../canary").file("l/secret"); }),
       "",
       {},
       "canary/secret"},
      {"WriteThroughAChainOfLinks",
       tar([](RawTar& t, const Place& p) {
         t.symlink("a", "b").symlink("b", "/c").symlink("c", p.canary).file("a/secret");
       }),
       "",
       {},
       "CANARY/secret"},
      {"WriteThroughLinksInAChangedParent",
       tar([](RawTar& t, const Place&) {
         t.directory("a").file("a/x").symlink("b", "../canary").directory("c").file("c/x");
         t.symlink("c/d", "../../canary").file("c/d/secret").directory("b/directory");
       }),
       "",
       {},
       "canary/secret"},
      {"LinkToItself", tar([](RawTar& t, const Place&) { t.symlink("l", "l").file("l/x"); }),
       "l/x: open l: Too many levels of symbolic links"},
      {"LinksWithoutEnd", tar([](RawTar& t, const Place&) {
         for (int i = 0; i < 50; ++i) {
           t.symlink("l" + std::to_string(i), "l" + std::to_string(i + 1));
         }
         t.file("l0/x");
       }),
       "l0/x: open l0: Too many levels of symbolic links"},
      {"ParentThatIsALinkToAFile",
       tar([](RawTar& t, const Place&) { t.symlink("l", "sbin/init").file("l/x"); }),
       "l/x: open l: Not a directory"},
      {"FileInPlaceOfALinkToAFile",
       tar([](RawTar& t, const Place& p) { t.symlink("l", p.canary / "secret").file("l"); }),
       "",
       {},
       "l"},
      {"DirectoryInPlaceOfALinkToADirectory",
       tar([](RawTar& t, const Place& p) {
         t.symlink("l", p.canary / "directory").directory("l", 0777);
       }),
       "",
       {},
       "l"},
      {"DeviceInPlaceOfALink",
       tar([](RawTar& t, const Place& p) { t.symlink("l", p.canary / "secret").fifo("l"); }),
       "",
       {},
       "l"},
      {"DirectoryThatBecomesALink",
       tar([](RawTar& t, const Place& p) {
         t.directory("a").symlink("a", p.canary).file("a/secret").directory("a/directory", 0777);
       }),
       "",
       {},
       "CANARY/secret"},
      {"ParentThatBecomesALink",
       tar([](RawTar& t, const Place&) {
         t.directory("a").symlink("a/b", "../c").directory("c").file("a/b/x");
         t.symlink("a/b", "../../canary").file("a/b/secret");
       }),
       "",
       {},
       "canary/secret"},
      {"HardLinkToAFileOutside",
       tar([](RawTar& t, const Place&) { t.hardlink("h", "../canary/secret").file("h"); }),
       "h: its name leads out of the root"},
      {"HardLinkToAnAbsoluteFileOutside", tar([](RawTar& t, const Place& p) {
         t.pax({{"linkpath", p.canary / "secret"}}).hardlink("h", "x");
       }),
       "No such file or directory"},
      {"HardLinkThroughALink",
       tar([](RawTar& t, const Place& p) { t.symlink("l", p.canary).hardlink("h", "l/secret"); }),
       "No such file or directory"},
      {"HardLinkToALink",
       tar([](RawTar& t, const Place& p) {
         t.symlink("l", p.canary / "secret").hardlink("h", "l").file("h");
       }),
       "",
       {},
       "h"},
      {"HardLinkToALinkWithContent", tar([](RawTar& t, const Place& p) {
         t.symlink("l", p.canary / "secret").add({"h", '1', "content", "l"});
       }),
       "after h: "},
      {"HardLinkToADirectory",
       tar([](RawTar& t, const Place&) { t.directory("d").hardlink("h", "d"); }), "h: "},
      {"HardLinkToItself", tar([](RawTar& t, const Place&) { t.hardlink("h", "h"); }), "h: "},
      {"HardLinkToTheRoot", tar([](RawTar& t, const Place&) { t.hardlink("h", "."); }), "h: "},
      {"HardLinkWithoutTarget", tar([](RawTar& t, const Place&) { t.hardlink("h", ""); }),
       "h: it is of no type"},
      {"LinkWithoutTarget", tar([](RawTar& t, const Place&) { t.symlink("l", ""); }), "l: "},
      {"LinkWithATargetThatIsTooLong", tar([](RawTar& t, const Place&) {
         t.pax({{"linkpath", std::string(5000, 't')}}).symlink("l", "t");
       }),
       "l: "},
      {"EntryThatChangesItsType",
       tar([](RawTar& t, const Place&) {
         t.file("a").directory("a").symlink("a", "b").fifo("a").character_device("a", 1, 3);
         t.hardlink("a", "sbin/init").file("a").directory("a").file("a/b");
       }),
       "",
       {},
       "a/b"},
      {"FileInPlaceOfAFullDirectory",
       tar([](RawTar& t, const Place&) { t.directory("a").file("a/b").file("a"); }),
       "",
       {},
       "a"},
  };
}

}  // namespace dboot::hostile
