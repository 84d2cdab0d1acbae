#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/oci_layout.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

/// A lower layer with the system, and an upper one.
template <class Lower, class Upper>
std::function<std::string(const Place&)> two(Lower lower, Upper upper) {
  return [=](const Place& place) {
    RawTar first = system();
    RawTar second;
    lower(first, place);
    upper(second, place);
    return OciLayout(place).layer(first.finish()).layer(second.finish()).finish();
  };
}

void nothing(RawTar& /*tar*/, const Place& /*place*/) {}

}  // namespace

std::vector<HostileImage> layers() {
  return {
      {"WhiteoutOfDotDot", two(nothing, [](RawTar& t, const Place&) { t.file(".wh...", ""); }),
       ".wh...: "},
      {"WhiteoutOfDotDotBelow",
       two([](RawTar& t, const Place&) { t.directory("a"); },
           [](RawTar& t, const Place&) { t.file("a/.wh...", ""); }),
       "a/.wh...: "},
      {"WhiteoutOfDot", two(nothing, [](RawTar& t, const Place&) { t.file(".wh..", ""); }),
       ".wh..: "},
      {"WhiteoutOfNothing", two(nothing, [](RawTar& t, const Place&) { t.file(".wh.", ""); }),
       ".wh.: "},
      {"WhiteoutWithADotDotBefore",
       two(nothing, [](RawTar& t, const Place&) { t.file("../canary/.wh.secret", ""); }),
       "../canary/.wh.secret: its name leads out of the root"},
      {"WhiteoutThroughALink", two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
                                   [](RawTar& t, const Place&) { t.file("l/.wh.secret", ""); })},
      {"WhiteoutThroughARelativeLink",
       two([](RawTar& t, const Place&) { t.symlink("l", "../canary"); },
           [](RawTar& t, const Place&) { t.file("l/.wh.directory", ""); })},
      {"WhiteoutOfALink", two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
                              [](RawTar& t, const Place&) { t.file(".wh.l", ""); })},
      {"WhiteoutOfADirectoryWithLinks",
       two([](RawTar& t, const Place& p) { t.directory("d").symlink("d/l", p.canary); },
           [](RawTar& t, const Place&) { t.file(".wh.d", ""); })},
      {"OpaqueThroughALink", two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
                                 [](RawTar& t, const Place&) { t.file("l/.wh..wh..opq", ""); })},
      {"OpaqueRoot",
       two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
           [](RawTar& t, const Place&) { t.file(".wh..wh..opq", "").directory("sbin"); }),
       "it has no /sbin/init"},
      {"WhiteoutThatIsADirectory",
       two([](RawTar& t, const Place& p) { t.directory("d").symlink("d/l", p.canary); },
           [](RawTar& t, const Place&) { t.directory(".wh.d").file(".wh.d/x"); }),
       ".wh.d/x: it lies below a whiteout"},
      {"FileThroughALinkOfTheLowerLayer",
       two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
           [](RawTar& t, const Place&) { t.file("l/secret").directory("l/directory", 0777); }),
       "",
       {},
       "CANARY/secret"},
      {"DirectoryInPlaceOfALinkOfTheLowerLayer",
       two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
           [](RawTar& t, const Place&) { t.directory("l", 0777).file("l/secret"); }),
       "",
       {},
       "l/secret"},
      {"LinkInPlaceOfADirectoryOfTheLowerLayer",
       two([](RawTar& t, const Place&) { t.directory("d").file("d/x"); },
           [](RawTar& t, const Place& p) { t.symlink("d", p.canary).file("d/secret"); }),
       "",
       {},
       "CANARY/secret"},
      {"HardLinkToALinkOfTheLowerLayer",
       two([](RawTar& t, const Place& p) { t.symlink("l", p.canary / "secret"); },
           [](RawTar& t, const Place&) { t.hardlink("h", "l").file("h"); }),
       "",
       {},
       "h"},
      {"HardLinkThroughALinkOfTheLowerLayer",
       two([](RawTar& t, const Place& p) { t.symlink("l", p.canary); },
           [](RawTar& t, const Place&) { t.hardlink("h", "l/secret"); }),
       "No such file or directory"},
      {"HardLinkToAWhiteout",
       two(nothing, [](RawTar& t, const Place&) { t.file(".wh.a", "").hardlink("h", ".wh.a"); }),
       "h: "},
      {"LayerThatIsNoArchive",
       [](const Place& p) {
         return OciLayout(p).layer(system().finish()).layer(std::string(5000, 'x')).finish();
       },
       "layer sha256:"},
      {"LayersWithoutNumber",
       [](const Place& p) {
         OciLayout layout(p);
         layout.layer(system().finish());
         for (int i = 0; i < 300; ++i) layout.layer(RawTar().file("f").finish());
         return layout.finish();
       },
       "",
       {},
       "f"},
  };
}

}  // namespace dboot::hostile
