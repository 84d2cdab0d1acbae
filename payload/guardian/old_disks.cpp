#include "payload/guardian/old_disks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <system_error>

#include "payload/guardian/superblock.hpp"
#include "shared/devices/device_graph.hpp"
#include "shared/log/record.hpp"
#include "shared/proc/fields.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::guardian {
namespace {

constexpr std::size_t mebibyte = 1024UL * 1024;
constexpr std::uint64_t largest_small = 4 * mebibyte;
constexpr std::size_t first_sector = 512;
constexpr std::uint64_t sector = 512;
const std::string unknown = "unknown: ";

std::string attribute_path(const std::string& device, std::string_view name) {
  return "/sys/class/block/" + device + '/' + std::string(name);
}

/// Empty where there is none.
std::optional<std::uint64_t> number_of(const std::string& device, std::string_view name) {
  const auto text = sys::read_file_or_empty(attribute_path(device, name));
  const auto words = words_of(std::string_view(text));
  return words.empty() ? std::nullopt : number_in<std::uint64_t>(words.front());
}

bool is_partition(const std::string& device) {
  return number_of(device, "partition").has_value();
}

/// As O_DIRECT asks for.
class Buffer {
 public:
  Buffer()
      : bytes_(static_cast<std::uint8_t*>(::operator new(mebibyte, std::align_val_t(alignment)))) {}
  /// From the begin of the device: `size` bytes, or all that there are. Throws std::system_error.
  std::span<const std::uint8_t> read(int device, std::size_t size) {
    const std::size_t wanted = std::min(mebibyte, (size + alignment - 1) / alignment * alignment);
    std::size_t got = 0;
    while (got < wanted) {
      const auto count = sys::check(
          ::pread(device, bytes_.get() + got, wanted - got, static_cast<off_t>(got)), "read");
      if (count == 0) break;
      got += static_cast<std::size_t>(count);
    }
    return {bytes_.get(), std::min(got, size)};
  }

 private:
  static constexpr std::size_t alignment = 65'536;  ///< of the largest sectors that there are
  struct Free {
    void operator()(std::uint8_t* bytes) const noexcept {
      ::operator delete(bytes, std::align_val_t(alignment));
    }
  };
  std::unique_ptr<std::uint8_t, Free> bytes_;
};

std::string checksum(std::span<const std::uint8_t> bytes) {
  // CRC-64 of ECMA-182.
  boost::crc_optimal<64, 0x42F0E1EBA9EA3693, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, false, false>
      crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return std::to_string(crc.checksum());
}

/// What lies in front of the first of its partitions, in bytes; empty where it has none.
std::optional<std::size_t> size_of_boot_area(const std::string& disk,
                                             const std::vector<std::string>& devices) {
  std::optional<std::size_t> size;
  for (const auto& device : devices) {
    std::string partition = disk;
    (partition += '/') += device;
    const auto start = number_of(partition, "start");
    if (!start) continue;
    size = std::min<std::size_t>(size.value_or(mebibyte), *start * sector);
  }
  return size;
}

/// Known by its name, for what it lay on is not told any more: no disk of its own.
bool is_made_of_something(const BlockDevice& device) {
  constexpr std::array<std::string_view, 5> prefixes{"loop", "zram", "ram", "sr", "fd"};
  const bool is_called_so =
      std::any_of(prefixes.begin(), prefixes.end(),
                  [&](std::string_view prefix) { return device.name.starts_with(prefix); });
  return is_called_so || !device.slaves.empty() || !device.backing_file.empty();
}

std::string mark_of(const std::string& device, const std::vector<std::string>& devices,
                    const Open& open) {
  Buffer buffer;
  const UniqueFd file = open(node_of(device));
  if (const auto boot = size_of_boot_area(device, devices); boot && !is_partition(device))
    return "table and boot loader " + checksum(buffer.read(file.get(), *boot));
  const auto begin = buffer.read(file.get(), mebibyte);
  auto superblock = superblock_of(begin);
  if (!superblock.empty()) return superblock;
  // A boot loader's own is small.
  const bool is_small = number_of(device, "size").value_or(0) * sector <= largest_small;
  superblock = "begin ";
  return superblock +=
         checksum(is_small ? begin : begin.first(std::min(begin.size(), first_sector)));
}

}  // namespace

std::vector<std::string> devices_to_mark(const std::vector<std::string>& in_use) {
  std::set<std::string> disks;
  const auto all = read_block_devices();
  for (const auto& device : all) {
    const bool is_used = std::find(in_use.begin(), in_use.end(), device.name) != in_use.end();
    if (is_used && !is_made_of_something(device))
      disks.insert(device.disk.empty() ? device.name : device.disk);
  }
  std::vector<std::string> names;
  for (const auto& device : all) {
    if (disks.contains(device.name) || disks.contains(device.disk)) names.push_back(device.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Mark mark(const std::string& device, const std::vector<std::string>& devices, const Open& open) {
  try {
    return {device, mark_of(device, devices, open)};
  } catch (const std::exception& error) {
    const bool is_there = ::access(attribute_path(device, "").c_str(), F_OK) == 0;
    return {device, is_there ? unknown + error.what() : "gone"};
  }
}

void flush(const std::string& device, const Open& open) noexcept {
  try {
    ::fsync(open(node_of(device)).get());
  } catch (const std::exception&) {
    // What cannot be opened is said by its mark.
  }
}

std::string encode(const std::vector<Mark>& marks) {
  std::string text;
  for (const auto& [device, what] : marks)
    text += log::escaped(device, "\\") + '\t' + log::escaped(what, "\\") + '\n';
  return text;
}

std::vector<Mark> decode(std::string_view text) {
  std::vector<Mark> marks;
  for (const auto line : lines_of(text)) {
    const auto words = split(line, '\t');
    if (words.size() == 2)
      marks.push_back(
          {log::unescaped(words[0]).value_or(""), log::unescaped(words[1]).value_or("")});
  }
  return marks;
}

std::vector<std::string> changed(const std::vector<Mark>& before, const std::vector<Mark>& now) {
  std::vector<std::string> names;
  for (const auto& mark : before) {
    const auto found = std::find_if(now.begin(), now.end(),
                                    [&](const Mark& other) { return other.device == mark.device; });
    if (found == now.end() || *found == mark) continue;
    if (!mark.what.starts_with(unknown) && !found->what.starts_with(unknown))
      names.push_back(mark.device);
  }
  return names;
}

std::uint64_t writes_to(const std::vector<std::string>& devices) {
  constexpr std::size_t writes = 4;
  constexpr std::size_t discards = 11;
  std::uint64_t count = 0;
  for (const auto& device : devices) {
    const auto stat = sys::read_file_or_empty(attribute_path(device, "stat"));
    const auto numbers = words_of(std::string_view(stat));
    for (const auto at : {writes, discards})
      if (at < numbers.size()) count += number_in<std::uint64_t>(numbers[at]).value_or(0);
  }
  return count;
}

bool are_counted(const std::vector<std::string>& devices) {
  return std::all_of(devices.begin(), devices.end(), [](const std::string& device) {
    return is_partition(device) || number_of(device, "queue/iostats") != 0U;
  });
}

}  // namespace dboot::guardian
