/// What filling a root from an archive takes: of memory, with 200,000 entries and with a GB, and of
/// time, against the commands that people use. tools/bench runs it with the directory of the
/// archives. Status 1: a promise is missed.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "injector/progress.hpp"
#include "injector/staging.hpp"
#include "injector/stream/file_stream.hpp"
#include "injector/unpack/copy_tree.hpp"
#include "injector/unpack/layers.hpp"
#include "injector/unpack/unpack.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/bench/race.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t root_bytes = std::uint64_t{4} << 30U;
constexpr std::uint64_t root_entries = 1'000'000;
constexpr double mib = 1U << 20U;

void unpack(const std::string& archive, int root) {
  Progress progress(0);
  rootfs::unpack(file_stream(sys::open(archive, O_RDONLY), archive), root, progress, archive);
}

/// `command` and dboot's unpacking by turns, into the same kind of tmpfs.
bool race(const std::string& archive, const std::string& command, double times_as_fast) {
  const auto fill = [](const std::function<void(int root)>& work) {
    const Staging staging(root_bytes, root_entries);
    return bench::seconds([&] { work(staging.root()); });
  };
  const std::string in_root = "cd /proc/" + std::to_string(::getpid()) + "/fd/";
  const auto by_hand = [&](int root) {
    bench::shell(in_root + std::to_string(root) + " && " + command + " " + archive);
  };
  return bench::run(
      {fs::path(archive).filename(),
       {"dboot-inject", [&] { return fill([&](int root) { unpack(archive, root); }); }},
       {command, [&] { return fill(by_hand); }},
       1 / times_as_fast});
}

std::uint64_t pages(std::uint64_t bytes) {
  return (bytes + 4095) / 4096;
}

/// What the files need in whole pages, and what the tmpfs has taken for them.
bool memory_of(const std::string& archive) {
  constexpr double most = 1.02;
  const Staging staging(root_bytes, root_entries);
  unpack(archive, staging.root());
  std::uint64_t needed = 0;
  const std::string path = "/proc/self/fd/" + std::to_string(staging.root()) + "/.";
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && !entry.is_symlink()) {
      needed += pages(entry.file_size()) / entry.hard_link_count();
    }
  }
  struct statvfs status {};
  sys::check(::fstatvfs(staging.root(), &status), "statvfs");
  const auto taken = (status.f_blocks - status.f_bfree) * status.f_frsize;
  const double ratio = static_cast<double>(taken) / static_cast<double>(needed * 4096);
  std::printf(
      "RAM taken %.1f MiB, files in pages %.1f MiB: %.3f times as much; promised %.2f: %s\n",
      static_cast<double>(taken) / mib, static_cast<double>(needed) * 4096 / mib, ratio, most,
      ratio <= most ? "kept" : "MISSED");
  return ratio <= most;
}

/// 200,000 files and directories, gzip.
void write_many(const std::string& archive) {
  struct archive* writer = ::archive_write_new();
  ::archive_write_set_format_pax_restricted(writer);
  ::archive_write_add_filter_gzip(writer);
  ::archive_write_open_filename(writer, archive.c_str());
  archive_entry* entry = ::archive_entry_new();
  constexpr int directories = 20'000;
  for (int directory = 0; directory < directories; ++directory) {
    const std::string name = "some/directory-with-a-long-name/number-" + std::to_string(directory);
    ::archive_entry_clear(entry);
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_mode(entry, S_IFDIR | 0755);
    ::archive_write_header(writer, entry);
    for (int file = 0; file < 9; ++file) {
      ::archive_entry_clear(entry);
      ::archive_entry_set_pathname(entry, (name + "/file-" + std::to_string(file)).c_str());
      ::archive_entry_set_mode(entry, S_IFREG | 0644);
      ::archive_entry_set_size(entry, 6);
      ::archive_write_header(writer, entry);
      ::archive_write_data(writer, "hello\n", 6);
    }
  }
  ::archive_entry_free(entry);
  ::archive_write_free(writer);
}

/// Of a process of its own, whose peak nobody else has raised.
bool peak_of(const std::string& what, const std::function<void(int root)>& fill) {
  constexpr double most = 64;
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) {
    const Staging staging(root_bytes, root_entries);
    fill(staging.root());
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  sys::check(::wait4(child, &status, 0, &usage), "wait");
  if (status != 0) throw std::runtime_error("filling a root from " + what + " has failed");
  const double peak = static_cast<double>(usage.ru_maxrss) / 1024;
  std::printf("%-44s peak RSS %5.1f MiB; promised %.0f: %s\n", what.c_str(), peak, most,
              peak <= most ? "kept" : "MISSED");
  std::fflush(stdout);
  return peak <= most;
}

bool peaks(const std::string& gzip, const std::string& zstd) {
  const std::string many = fs::temp_directory_path() / ("dboot-many-" + std::to_string(::getpid()));
  write_many(many);
  const Staging tree(root_bytes, root_entries);
  unpack(many, tree.root());
  bool kept = true;
  for (const auto& archive : {gzip, zstd}) {
    kept &= peak_of(fs::path(archive).filename(), [&](int root) { unpack(archive, root); });
  }
  kept &= peak_of("200,000 entries, gzip", [&](int root) { unpack(many, root); });
  kept &= peak_of("200,000 entries, two layers", [&](int root) {
    Progress progress(0);
    const auto open = [&] { return file_stream(sys::open(many, O_RDONLY), many); };
    const rootfs::Layer layer{"the layer", 0, open};
    rootfs::apply_layers(std::vector{layer, layer}, root, progress);
  });
  kept &= peak_of("200,000 entries, directories", [&](int root) {
    Progress progress(0);
    const rootfs::Overlay stack({tree.root()}, rootfs::Overlay::Whiteouts::are_devices);
    rootfs::copy_tree(stack, root, progress, "the tree");
  });
  fs::remove(many);
  return kept;
}

bool bench_all(const std::string& directory) {
  const std::string tar = directory + "/root.tar";
  const std::string gzip = tar + ".gz";
  const std::string zstd = tar + ".zst";
  bool kept = peaks(gzip, zstd);
  kept &= memory_of(tar);
  kept &= race(gzip, "tar -xzf", 3);
  kept &= race(zstd, "tar -I zstd -xf", 1.3);
  kept &= race(tar, "bsdtar -xpf", 1.3);
  return kept;
}

}  // namespace
}  // namespace dboot

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: archive-bench DIRECTORY\n", stderr), 2;
  return dboot::bench_all(argv[1]) ? 0 : 1;
}
