/// How long the injector takes to fill a root from an image of a Docker engine, against what people
/// use today. The argument is the tar that tools/bench-image makes. tools/bench runs it.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <cstdio>
#include <exception>
#include <string>

#include "injector/engine/client.hpp"
#include "injector/open_image.hpp"
#include "injector/report.hpp"
#include "injector/staging.hpp"
#include "injector/unpack/unpack.hpp"
#include "shared/log/log.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/bench/race.hpp"
#include "tests/support/docker_engine.hpp"

namespace dboot::bench {
namespace {

constexpr std::uint64_t root_size = std::uint64_t{4} << 30U;
constexpr std::uint64_t root_entries = 1U << 20U;

/// The injector's own way, into the root that it makes.
double fill(const std::string& socket) {
  const auto source = image::open("bench", {socket});
  const Staging staging(root_size, root_entries);
  Progress progress(0);
  return seconds([&] { source->unpack(staging.root(), progress); });
}

/// `command` with ROOT in its environment: a tmpfs.
double fill_by_hand(const std::string& command) {
  const TemporaryDirectory directory;
  const std::string root = directory.path().string();
  sys::check(::mount("tmpfs", root.c_str(), "tmpfs", 0, "size=4g"), "mount tmpfs");
  const double time = seconds([&] { shell("ROOT=" + root + "; " + command); });
  ::umount2(root.c_str(), MNT_DETACH);
  return time;
}

/// An engine with the image, and a container of it for who needs one.
class Engine {
 public:
  explicit Engine(const std::string& tar) {
    shell(docker() + "import " + tar + " bench >/dev/null && " + docker() +
          "create --name bench bench / >/dev/null");
  }
  std::string docker() const { return "docker -H unix://" + engine_.socket_path() + " "; }
  std::string socket() const { return engine_.socket_path(); }
  std::string uppermost_layer() const { return engine_.uppermost_layer("bench"); }

 private:
  DockerEngine engine_;
};

bool race_layers(const std::string& tar) {
  const Engine engine(tar);
  const std::string copy =
      engine.docker() + "cp bench:/ - | dd bs=8M status=none | tar xf - -C $ROOT 2>/dev/null";
  return run({"engine, overlay2, warm",
              {"dboot-inject", [&] { return fill(engine.socket()); }},
              {"docker cp | dd bs=8M | tar xf -", [&] { return fill_by_hand(copy); }},
              0.1});
}

/// The same engine, but its layer says that only overlayfs itself can read it.
bool race_mounted(const std::string& tar) {
  const Engine engine(tar);
  const std::string layer = engine.uppermost_layer();
  sys::check(::setxattr(layer.c_str(), "trusted.overlay.redirect", "/", 1, 0), "setxattr ", layer);
  const std::string read = engine.docker() + "export bench >/dev/null";
  return run({"engine, container where it is mounted, warm",
              {"dboot-inject", [&] { return fill(engine.socket()); }},
              {"docker export >/dev/null", [&] { return seconds([&] { shell(read); }); }},
              1.1});
}

/// What is left when nothing of the engine can be read but its answer.
bool race_export(const std::string& tar) {
  const Engine engine(tar);
  const image::EngineClient client(engine.socket());
  const std::string read = engine.docker() + "export bench >/dev/null";
  const auto unpack = [&] {
    const Staging staging(root_size, root_entries);
    Progress progress(0);
    return seconds([&] {
      rootfs::unpack(client.export_container("bench"), staging.root(), progress, "the export");
    });
  };
  return run({"engine, export stream, warm",
              {"dboot-inject", unpack},
              {"docker export >/dev/null", [&] { return seconds([&] { shell(read); }); }},
              1.1});
}

}  // namespace
}  // namespace dboot::bench

int main(int argc, char** argv) {
  using namespace dboot;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s ROOT.TAR\n", argv[0]);
    return 2;
  }
  report::begin(log::Level::warning);
  try {
    sys::check(::unshare(CLONE_NEWNS), "unshare");
    sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
    const bool layers = bench::race_layers(argv[1]);
    const bool mounted = bench::race_mounted(argv[1]);
    const bool exported = bench::race_export(argv[1]);
    return layers && mounted && exported ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
