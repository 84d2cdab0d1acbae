#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

template <class Add>
std::function<std::string(const Place&)> tar(Add add) {
  return [add](const Place& place) {
    RawTar archive;
    add(archive, place);
    return place.file("image.tar", archive.finish());
  };
}

/// The system, and what is beside it.
template <class Add>
std::function<std::string(const Place&)> system_with(Add add) {
  return [add](const Place& place) {
    RawTar archive = system();
    add(archive, place);
    return place.file("image.tar", archive.finish());
  };
}

const char* const config_file_names[] = {"hosts", "resolv.conf", "hostname", "passwd", "group"};

template <class Make>
std::function<std::string(const Place&)> in_place_of_all(Make make) {
  return system_with([make](RawTar& t, const Place& p) {
    t.directory("etc");
    for (const char* name : config_file_names) make(t, "etc/" + std::string(name), p);
  });
}

}  // namespace

std::vector<HostileImage> config_files() {
  using Strings = std::vector<std::string>;
  const Strings as_web{"--user", "web"};
  const Strings as_number{"--user", "7"};
  return {
      {"FifosAsConfigFiles",
       in_place_of_all([](RawTar& t, const std::string& name, const Place&) { t.fifo(name); }), "",
       as_number, "etc/hostname"},
      {"FifoAsPasswd",
       in_place_of_all([](RawTar& t, const std::string& name, const Place&) { t.fifo(name); }),
       "there is no user 'web' in the image", as_web},
      {"TerminalsAsConfigFiles",
       in_place_of_all([](RawTar& t, const std::string& name, const Place&) {
         t.character_device(name, 5, 0);
       }),
       "", as_number, "etc/hostname"},
      {"EndlessDevicesAsConfigFiles",
       in_place_of_all([](RawTar& t, const std::string& name, const Place&) {
         t.character_device(name, 1, 5);  // /dev/zero
       }),
       "there is no user 'web' in the image", as_web},
      {"DiskAsConfigFiles", in_place_of_all([](RawTar& t, const std::string& name, const Place&) {
         t.add({name, '4', {}, {}, 0666, {}, 8, 0});
       }),
       "", as_number, "etc/hostname"},
      {"LinksToDevicesAsConfigFiles",
       in_place_of_all(
           [](RawTar& t, const std::string& name, const Place&) { t.symlink(name, "/dev/zero"); }),
       "there is no user 'web' in the image", as_web},
      {"LinksOutsideAsConfigFiles",
       in_place_of_all([](RawTar& t, const std::string& name, const Place& p) {
         t.symlink(name, p.canary / "secret");
       }),
       "there is no user 'web' in the image", as_web},
      {"LinksToProcAsConfigFiles",
       in_place_of_all([](RawTar& t, const std::string& name, const Place&) {
         t.symlink(name, "/proc/self/root/etc/passwd");
       }),
       "there is no user 'root' in the image",
       {"--user", "root"}},
      {"DirectoryAsHostname",
       system_with([](RawTar& t, const Place&) { t.directory("etc").directory("etc/hostname"); }),
       "/etc/hostname of the image cannot be written"},
      {"EtcThatIsALinkOutside",
       system_with([](RawTar& t, const Place& p) { t.symlink("etc", p.canary); }), "", as_number,
       "CANARY/hostname"},
      {"EtcThatIsARelativeLinkOutside",
       system_with([](RawTar& t, const Place&) { t.symlink("etc", "../canary"); }), "", as_number,
       "canary/hostname"},
      {"EtcThatIsAFile", system_with([](RawTar& t, const Place&) { t.file("etc"); }),
       "/etc/hostname of the image cannot be written"},
      {"EtcThatIsAFifo", system_with([](RawTar& t, const Place&) { t.fifo("etc"); }),
       "/etc/hostname of the image cannot be written"},
      {"EtcThatLinksToItself",
       system_with([](RawTar& t, const Place&) { t.symlink("etc", "etc"); }),
       "/etc/hostname of the image cannot be written"},
      {"ProcThatIsALink",
       system_with([](RawTar& t, const Place& p) { t.symlink("proc", p.canary); }),
       "/proc of the image is no directory"},
      {"DevThatIsAFile", system_with([](RawTar& t, const Place&) { t.file("dev"); }),
       "/dev of the image is no directory"},
      {"SysThatIsAFifo", system_with([](RawTar& t, const Place&) { t.fifo("sys"); }),
       "/sys of the image is no directory"},
      {"RunThatIsALinkOutside",
       system_with([](RawTar& t, const Place&) { t.symlink("run", "/../../canary"); }),
       "/run of the image is no directory but a symlink"},
      {"RunBehindAVarThatIsALinkOutside", system_with([](RawTar& t, const Place& p) {
         t.symlink("var", p.canary).symlink("run", "var/run");
       }),
       "/run of the image is no directory but a symlink"},
      {"TmpThatIsALinkOutside",
       system_with([](RawTar& t, const Place&) { t.symlink("tmp", "../canary/new"); }),
       "",
       {},
       "canary/new"},
      {"TmpThatIsAFifo", system_with([](RawTar& t, const Place&) { t.fifo("tmp"); }),
       "/tmp of the image cannot be a directory"},
      {"ContainerMarksThatAreLinks", system_with([](RawTar& t, const Place& p) {
         t.symlink(".dockerenv", p.canary / "secret").directory("run");
         t.symlink("run/.containerenv", p.canary / "secret");
       })},
      {"WorkingDirectoryThroughALink",
       system_with([](RawTar& t, const Place& p) { t.symlink("srv", p.canary); }),
       "",
       {"--workdir", "/srv/a/b"},
       "CANARY/a/b"},
      {"WorkingDirectoryOutside",
       system_with([](RawTar&, const Place&) {}),
       "",
       {"--workdir", "/../../canary/a"},
       "canary/a"},
      {"WorkingDirectoryThatIsAFile",
       system_with([](RawTar& t, const Place&) { t.file("f"); }),
       "the working directory cannot be made: open /f/x",
       {"--workdir", "/f/x"}},
      {"InitThatIsAFifo", tar([](RawTar& t, const Place&) { t.fifo("sbin/init"); }),
       "cannot run /sbin/init of the image: it is no regular file"},
      {"InitThatIsADevice",
       tar([](RawTar& t, const Place&) { t.character_device("sbin/init", 1, 5); }),
       "cannot run /sbin/init of the image: it is no regular file"},
      {"InitThatIsALinkOutside",
       tar([](RawTar& t, const Place& p) { t.symlink("sbin/init", p.canary / "secret"); }),
       "it has no /sbin/init"},
      {"InitThatIsTheHosts",
       tar([](RawTar& t, const Place&) { t.symlink("sbin/init", "/proc/1/exe"); }),
       "it has no /sbin/init"},
      {"InitThatLinksToItself",
       tar([](RawTar& t, const Place&) { t.symlink("sbin/init", "init"); }),
       "it has no /sbin/init"},
      {"InterpreterThatIsAFifo",
       tar([](RawTar& t, const Place&) { t.file("sbin/init", "#!/i\n", 0755).fifo("i"); }),
       "its interpreter /i: it is no regular file"},
      {"InterpreterOutside",
       tar([](RawTar& t, const Place&) { t.file("sbin/init", "#!/../../bin/sh\n", 0755); }),
       "its interpreter /../../bin/sh: No such file or directory"},
      {"ScriptsThatInterpretEachOther", tar([](RawTar& t, const Place&) {
         t.file("sbin/init", "#!/b\n", 0755).file("b", "#!/sbin/init\n", 0755);
       }),
       "too many scripts interpret each other"},
      {"ProgramOfAnEmptyFile", tar([](RawTar& t, const Place&) { t.file("sbin/init", "", 0755); }),
       "it is neither an ELF program nor a script"},
      {"ProgramThatEndsInItsHeader", tar([](RawTar& t, const Place&) {
         t.file("sbin/init", smallest_program().substr(0, 40), 0755);
       }),
       "cannot run /sbin/init of the image"},
      {"ProgramOfATerabyteOfNothing", tar([](RawTar& t, const Place&) {
         t.pax({{"GNU.sparse.major", "1"},
                {"GNU.sparse.minor", "0"},
                {"GNU.sparse.realsize", "1099511627776"}});
         t.file("sbin/init", "0\n" + std::string(510, '\0'), 0755);
       }),
       "it is neither an ELF program nor a script"},
  };
}

}  // namespace dboot::hostile
