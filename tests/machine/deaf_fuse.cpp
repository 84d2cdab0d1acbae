// deaf-fuse DIRECTORY [written]: a filesystem in which every name is a file that can be opened and
// read, and whose server answers nothing else: not the flush that comes before a close. With
// "written" the kernel keeps what is written to it, to write it back later.
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t page_size = 4096;

template <class Body>
void answer(int fuse, std::uint64_t request, const Body& body) {
  fuse_out_header header{sizeof header + sizeof body, 0, request};
  std::array<iovec, 2> parts{iovec{&header, sizeof header},
                             iovec{const_cast<Body*>(&body), sizeof body}};
  [[maybe_unused]] const auto written = ::writev(fuse, parts.data(), parts.size());
}

fuse_attr attributes(std::uint64_t inode) {
  fuse_attr of_inode{};
  of_inode.ino = inode;
  of_inode.mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
  of_inode.nlink = 1;
  of_inode.size = inode == FUSE_ROOT_ID ? 0 : page_size;
  return of_inode;
}

}  // namespace

int main(int argc, char** argv) {
  const int fuse = ::open("/dev/fuse", O_RDWR);
  const std::string options = "fd=" + std::to_string(fuse) + ",rootmode=40000,user_id=0,group_id=0";
  const bool is_written = argc == 3 && std::string_view(argv[2]) == "written";
  if (argc < 2 || ::mount("deaf", argv[1], "fuse", 0, options.c_str()) != 0) return 1;
  if (::fork() != 0) return 0;
  alignas(fuse_in_header) std::array<char, 65536> buffer;
  while (::read(fuse, buffer.data(), buffer.size()) > 0) {
    const auto& request = *reinterpret_cast<const fuse_in_header*>(buffer.data());
    constexpr std::uint64_t file = 2;
    constexpr std::uint64_t for_ever = 86400;
    if (request.opcode == FUSE_INIT) {
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = FUSE_KERNEL_MINOR_VERSION;
      out.max_write = page_size;
      if (is_written) out.flags = FUSE_WRITEBACK_CACHE;
      answer(fuse, request.unique, out);
    } else if (request.opcode == FUSE_GETATTR) {
      answer(fuse, request.unique, fuse_attr_out{for_ever, 0, 0, attributes(request.nodeid)});
    } else if (request.opcode == FUSE_LOOKUP) {
      answer(fuse, request.unique,
             fuse_entry_out{file, 0, for_ever, for_ever, 0, 0, attributes(file)});
    } else if (request.opcode == FUSE_OPEN) {
      answer(fuse, request.unique, fuse_open_out{});
    } else if (request.opcode == FUSE_READ) {
      answer(fuse, request.unique, std::array<char, page_size>{});
    }
  }
}
