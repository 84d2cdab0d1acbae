// io-uring-user FILE: reads from a pipe that nobody writes to, through io_uring, with FILE among
// the ring's registered files; says "waits" and never ends. What the ring holds is let go of by the
// kernel some time after its process has gone.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>

namespace {

char* map(int ring, std::size_t size, off_t what) {
  void* const address =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);
  return address == MAP_FAILED ? nullptr : static_cast<char*>(address);
}

int fail(const char* what) {
  std::perror(what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::array<int, 2> pipe{};
  const int file = argc == 2 ? ::open(argv[1], O_RDWR) : -1;
  if (file < 0 || ::pipe(pipe.data()) != 0) return fail("open");
  io_uring_params setup{};
  const int ring = static_cast<int>(::syscall(SYS_io_uring_setup, 1, &setup));
  if (ring < 0) return fail("io_uring_setup");
  if (::syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &file, 1) != 0)
    return fail("io_uring_register");
  char* const queue = map(ring, setup.sq_off.array + sizeof(std::uint32_t), IORING_OFF_SQ_RING);
  char* const entries = map(ring, sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (queue == nullptr || entries == nullptr) return fail("mmap");
  static std::array<char, 16> buffer;
  auto* const entry = reinterpret_cast<io_uring_sqe*>(entries);
  entry->opcode = IORING_OP_READ;
  entry->flags = IOSQE_ASYNC;  // a thread of the kernel's waits
  entry->fd = pipe[0];
  entry->addr = reinterpret_cast<std::uintptr_t>(buffer.data());
  entry->len = buffer.size();
  reinterpret_cast<std::atomic<std::uint32_t>*>(queue + setup.sq_off.tail)->store(1);
  if (::syscall(SYS_io_uring_enter, ring, 1, 0, 0, nullptr, 0) != 1) return fail("io_uring_enter");
  std::puts("waits");
  std::fflush(stdout);
  for (;;) ::pause();
}
