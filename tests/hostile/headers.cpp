#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

template <class Add>
std::function<std::string(const Place&)> tar(Add add) {
  return [add](const Place& place) {
    RawTar archive = system();
    add(archive);
    return place.file("image.tar", archive.finish());
  };
}

/// A number of eight bytes as GNU tar writes what octal digits have no room for.
std::string binary(unsigned char first, std::uint64_t number) {
  std::string field(12, '\0');
  field[0] = static_cast<char>(first);
  for (std::size_t i = 0; i < 8; ++i) field[11 - i] = static_cast<char>(number >> (8 * i));
  return field;
}

}  // namespace

std::vector<HostileImage> headers() {
  return {
      {"SizeBeyondTheEnd", tar([](RawTar& t) {
         t.pax({{"size", "1000000"}}).file("f");
       }),
       "after f: "},
      {"SizeOfAnExabyte", tar([](RawTar& t) {
         t.pax({{"size", "1152921504606846976"}}).file("f");
       }),
       "f"},
      {"SizeBeyondAllNumbers", tar([](RawTar& t) {
         t.pax({{"size", "99999999999999999999999999"}}).file("f");
       }),
       "f"},
      {"SizeThatIsNegative", tar([](RawTar& t) {
         t.pax({{"size", "-1"}}).file("f");
       }),
       "after sbin/init: "},
      {"SizeThatIsNegativeInBinary", tar([](RawTar& t) {
         t.add({"f", '0', "x", {}, 0644, binary(0xff, ~std::uint64_t{511})});
       }),
       "after sbin/init: "},
      {"SizeThatIsHugeInBinary", tar([](RawTar& t) {
         t.add({"f", '0', "x", {}, 0644, binary(0x80, ~std::uint64_t{0} >> 1U)});
       }),
       "after sbin/init: "},
      {"SizeSmallerThanTheContent", tar([](RawTar& t) {
         t.pax({{"size", "1"}}).file("f", std::string(5000, 'x'));
       }),
       "after f: "},
      {"RecordWithoutAnEnd", tar([](RawTar& t) {
         t.add({"pax", 'x', "999999 path=f\n"}).file("f");
       }),
       "after sbin/init: Ignoring malformed pax"},
      {"RecordOfNoLength", tar([](RawTar& t) {
         t.add({"pax", 'x', "0 path=f\n"}).file("f");
       }),
       "after sbin/init: Ignoring malformed pax"},
      {"RecordWithoutANumber", tar([](RawTar& t) {
         t.add({"pax", 'x', "path=f\n"}).file("f");
       }),
       "after sbin/init: Ignoring malformed pax"},
      {"ExtendedHeaderOfAnExabyte", tar([](RawTar& t) {
         t.add({"pax", 'x', "9 path=f\n", {}, 0644, binary(0x80, std::uint64_t{1} << 60U)});
       }),
       "after sbin/init: "},
      {"LongNameOfAGigabyte", tar([](RawTar& t) {
         t.add({"././@LongLink", 'L', "name", {}, 0644, binary(0x80, std::uint64_t{1} << 30U)});
       }),
       "after sbin/init: "},
      {"ExtendedHeaderForAnExtendedHeader", tar([](RawTar& t) {
         for (int i = 0; i < 2000; ++i) t.pax({{"path", "p" + std::to_string(i)}});
         t.file("f");
       }),
       "after sbin/init: "},
      {"AttributeOfMegabytes", tar([](RawTar& t) {
         t.pax({{"SCHILY.xattr.user.big", std::string(6U << 20U, 'x')}}).file("f");
       }),
       "after sbin/init: "},
      {"AttributesWithoutNumber", tar([](RawTar& t) {
         RawTar::Records records;
         for (int i = 0; i < 5000; ++i) {
           records.emplace_back("SCHILY.xattr.user." + std::to_string(i), "x");
         }
         t.pax(records).file("f");
       }),
       ""},
      {"AttributesOfTheKernel",
       tar([](RawTar& t) {
         t.pax({{"SCHILY.xattr.trusted.overlay.redirect", "/../canary"},
                {"SCHILY.xattr.system.posix_acl_access", "nonsense"},
                {"SCHILY.xattr.security.selinux", "x"},
                {"SCHILY.xattr.security.capability", "nonsense"},
                {"SCHILY.xattr.", "x"},
                {"SCHILY.acl.access", "user::rwx,nonsense,user:99999999999:rwx:99999999999"}});
         t.file("f");
       }),
       "",
       {},
       "f"},
      {"OwnersAndTimesBeyondAllNumbers", tar([](RawTar& t) {
         t.pax({{"uid", "99999999999999999999"}, {"gid", "-5"}, {"mtime", "-99999999999999999.9"}});
         t.file("f");
       }),
       "is none that Linux knows"},
      {"TimesBeyondAllNumbers",
       tar([](RawTar& t) {
         t.pax({{"mtime", "-99999999999999999.9"}, {"atime", "99999999999999999999"}}).file("f");
       }),
       "",
       {},
       "f"},
      {"SparseMapThatLies", tar([](RawTar& t) {
         t.pax({{"GNU.sparse.map", "0,1,9223372036854775807,9223372036854775807"},
                {"GNU.sparse.numblocks", "2"},
                {"GNU.sparse.size", "9223372036854775807"}});
         t.file("f", "xx");
       }),
       "after sbin/init: Malformed sparse map"},
      {"SparseMapThatGoesBack", tar([](RawTar& t) {
         t.pax({{"GNU.sparse.map", "100,1,0,1"},
                {"GNU.sparse.numblocks", "2"},
                {"GNU.sparse.size", "101"}});
         t.file("f", "xx");
       }),
       ""},
      {"SparseMapWithoutEnd", tar([](RawTar& t) {
         t.pax(
             {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "5"}});
         t.file("f", "999999999999\n" + std::string(499, '1'));
       }),
       "f"},
      {"ChecksumThatIsWrong",
       [](const Place& place) {
         RawTar archive = system();
         std::string bytes = archive.file("f").finish();
         bytes[bytes.size() - 2048 + 5] = 'z';  // in the name
         return place.file("image.tar", bytes);
       },
       "after sbin/init: "},
      {"TypeThatNobodyKnows", tar([](RawTar& t) {
         t.add({"f", 'Q', "x"});
       }),
       ""},
      {"ContentOfADirectory", tar([](RawTar& t) {
         t.add({"d", '5', std::string(600, 'x')}).file("f");
       }),
       "after d: "},
      {"ContentOfADevice", tar([](RawTar& t) {
         t.add({"d", '3', std::string(600, 'x')}).file("f");
       }),
       "after d: "},
      {"DeviceOfNoNumber", tar([](RawTar& t) {
         t.pax({{"SCHILY.devmajor", "99999999999"}, {"SCHILY.devminor", "-1"}});
         t.character_device("d", 07777777, 07777777);
       }),
       "d: create d: Invalid argument"},
      {"ArchiveWithoutItsEnd",
       [](const Place& place) { return place.file("image.tar", system().unfinished()); }, ""},
      {"ArchiveBehindTheArchive",
       [](const Place& place) {
         return place.file("image.tar",
                           system().finish() + RawTar().file("../canary/secret").finish());
       },
       ""},
      {"ArchiveThatEndsInAHeader",
       [](const Place& place) {
         return place.file("image.tar", system().unfinished() + std::string(100, 'x'));
       },
       "after sbin/init: "},
      {"ArchiveThatIsACpio",
       [](const Place& place) {
         return place.file("image.tar", "070707" + std::string(2000, '0'));
       },
       "image.tar"},
      {"ArchiveThatIsAZip",
       [](const Place& place) {
         return place.file("image.tar", "PK\x03\x04" + std::string(2000, '\0'));
       },
       "image.tar"},
      {"NothingButZeros",
       [](const Place& place) { return place.file("image.tar", std::string(1U << 20U, '\0')); },
       "image.tar"},
      {"NothingAtAll", [](const Place& place) { return place.file("image.tar", ""); }, "image.tar"},
  };
}

}  // namespace dboot::hostile
