// Writes an image over a disk of the machine that it was, and reboots into it:
//
//   dboot-inject --payload ./reinstall --copy disk.img.zst:/disk.img -e REINSTALL_IMAGE=/disk.img
//                -e REINSTALL_DISK=vda IMAGE -- /bin/true
//
// The image lies in memory, raw or compressed with zstd; REINSTALL_DISK is a name below /dev. What
// has been written is read back and compared before the reboot.
#include <dboot/payload/children/blocking.hpp>
#include <dboot/payload/init/power.hpp>
#include <dboot/payload/payload.hpp>
#include <dboot/shared/plan/layout.hpp>
#include <dboot/shared/system/syscalls.hpp>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;
using dboot::Action;
using dboot::Context;
using dboot::Task;
using dboot::UniqueFd;
namespace blocking = dboot::blocking;
namespace sys = dboot::sys;

struct Job {
  std::string image;  ///< in the new root
  std::string disk;   ///< below /dev
};

std::string variable(const Context& context, std::string_view name) {
  for (const auto& entry : context.plan.environment) {
    if (entry.starts_with(name) && entry.substr(name.size(), 1) == "=")
      return entry.substr(name.size() + 1);
  }
  throw std::runtime_error("what to do is not said: give -e " + std::string(name) + "=…");
}

Job job_of(const Context& context) {
  return {variable(context, "REINSTALL_IMAGE"), variable(context, "REINSTALL_DISK")};
}

/// What is to be on the disk, from its beginning to its end.
class Image {
 public:
  explicit Image(const std::string& path)
      : fd_(sys::open(path, O_RDONLY)), zstd_(ZSTD_createDStream(), ZSTD_freeDStream) {
    struct stat status {};
    sys::check(::fstat(fd_.get(), &status), "stat ", path);
    size_ = std::max<std::int64_t>(status.st_size, 1);
    fill();
    constexpr std::string_view magic = "\x28\xb5\x2f\xfd";
    is_compressed_ = std::string_view(read_.data(), input_.size).starts_with(magic);
  }

  /// Empty at the end.
  std::string_view next() {
    if (!is_compressed_) {
      if (input_.pos == input_.size) fill();
      const std::string_view bytes(read_.data() + input_.pos, input_.size - input_.pos);
      input_.pos = input_.size;
      return bytes;
    }
    ZSTD_outBuffer output{written_.data(), written_.size(), 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) fill();
      if (input_.size == 0 && is_within_frame_) throw std::runtime_error("the image is cut off");
      if (input_.size == 0) break;
      const auto more = ZSTD_decompressStream(zstd_.get(), &output, &input_);
      if (ZSTD_isError(more) != 0)
        throw std::runtime_error(std::string("the image is damaged: ") + ZSTD_getErrorName(more));
      is_within_frame_ = more != 0;
    }
    return {written_.data(), output.pos};
  }

  std::int64_t percent() const { return 100 * taken_ / size_; }

 private:
  void fill() {
    const auto count = sys::check(::read(fd_.get(), read_.data(), read_.size()), "read the image");
    input_ = {read_.data(), static_cast<std::size_t>(count), 0};
    taken_ += count;
  }

  UniqueFd fd_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> zstd_;
  std::string read_ = std::string(1 << 20, '\0');
  std::string written_ = std::string(1 << 20, '\0');
  ZSTD_inBuffer input_{read_.data(), 0, 0};
  std::int64_t size_ = 1;
  std::int64_t taken_ = 0;
  bool is_compressed_ = false;
  bool is_within_frame_ = false;
};

/// A line of the log for every tenth. Whoever waits for this child sees that it goes on.
class Progress {
 public:
  Progress(const blocking::Report& report, std::string message)
      : report_(report), message_(std::move(message)) {}

  void note(std::int64_t percent) {
    if (percent < next_) return;
    next_ = percent / 10 * 10 + 10;
    dboot::log::Record record;
    record.message = message_;
    record.facts = {{"percent", percent}};
    report_.note(record);
  }

 private:
  const blocking::Report& report_;
  std::string message_;
  std::int64_t next_ = 0;
};

void write(const Job& job, int disk, const blocking::Report& report) {
  Image image(job.image);
  Progress progress(report, "written");
  for (auto bytes = image.next(); !bytes.empty(); bytes = image.next()) {
    sys::write_all(disk, bytes);
    progress.note(image.percent());
  }
  sys::check(::fsync(disk), "write back ", job.disk);
  // What is read now comes from the disk.
  sys::check(::ioctl(disk, BLKFLSBUF), "forget what was written to ", job.disk);
}

void compare(const Job& job, int disk, const blocking::Report& report) {
  Image image(job.image);
  Progress progress(report, "compared");
  std::string found(1 << 20, '\0');
  off_t at = 0;
  for (auto bytes = image.next(); !bytes.empty(); bytes = image.next()) {
    for (std::size_t done = 0; done < bytes.size();) {
      const auto count =
          sys::check(::pread(disk, found.data(), bytes.size() - done, at), "read ", job.disk);
      const auto size = static_cast<std::size_t>(count);
      if (size == 0 || bytes.substr(done, size) != std::string_view(found).substr(0, size))
        throw std::runtime_error("the disk does not have what was written, near byte " +
                                 std::to_string(at));
      done += size;
      at += count;
    }
    progress.note(image.percent());
  }
}

std::uint64_t bytes_of(const Job& job, const blocking::Report& report) {
  Image image(dboot::layout::root + job.image);
  Progress progress(report, "looked at");
  std::uint64_t size = 0;
  for (auto bytes = image.next(); !bytes.empty(); bytes = image.next()) {
    size += bytes.size();
    progress.note(image.percent());
  }
  return size;
}

/// Before anything of the old system is ended: the image is whole, and the disk has room for it.
Task<> check(Context& context) {
  const auto job = job_of(context);
  if (::access((dboot::layout::root + job.image).c_str(), R_OK) != 0)
    throw std::runtime_error("the image " + job.image + " is not there: take it along with --copy");
  const bool writes = context.permissions.allows(Action::open_disks);
  blocking::Work work = [&](const blocking::Report& report) {
    const auto needed = bytes_of(job, report);
    std::uint64_t room = needed;
    if (writes) {
      const UniqueFd disk = context.devices.open(job.disk, O_RDONLY);
      sys::check(::ioctl(disk.get(), BLKGETSIZE64, &room), "the size of ", job.disk);
    }
    if (needed > room || needed == 0)
      throw std::runtime_error("the image has " + std::to_string(needed) + " bytes, and " +
                               job.disk + " has room for " + std::to_string(room));
  };
  auto child = blocking::run(context.children, "look at " + job.image, 1min, std::move(work),
                             {context.devices.mount()});
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) throw std::runtime_error(outcome.error);
  context.log.info("to be reinstalled", {{"disk", job.disk}, {"image", job.image}});
}

/// No mount, swap or loop device of the old system is on the disk any more: O_EXCL sees to that.
Task<> reinstall(Context& context) {
  const auto job = job_of(context);
  if (!context.permissions.allows(Action::open_disks)) {
    context.log.info("not written in a namespace", {{"disk", job.disk}});
    co_return;
  }
  blocking::Work work = [&](const blocking::Report& report) {
    const UniqueFd disk = context.devices.open(job.disk, O_RDWR | O_EXCL);
    write(job, disk.get(), report);
    compare(job, disk.get(), report);
  };
  auto child = blocking::run(context.children, "reinstall " + job.disk, 5min, std::move(work),
                             {context.devices.mount()});
  const auto outcome = co_await std::move(child);
  if (!outcome.finished()) throw std::runtime_error("not reinstalled: " + outcome.error);
  context.log.info("reinstalled", {{"disk", job.disk}});
}

Task<> reboot(Context& context) {
  auto ending = dboot::end_system(context, dboot::Power::reboot);
  co_await std::move(ending);
}

}  // namespace

int main(int argc, char** argv) {
  auto sequence = dboot::Sequence::of_dboot_init();
  sequence.before("terminate", {"check", check})
      .after("release", {"reinstall", reinstall})
      .without("hand-over")
      .in_place_of("start", {"reboot", reboot});
  return dboot::run_payload(argc, argv, {"reinstall", "1.0", sequence});
}
