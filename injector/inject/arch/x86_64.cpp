#include <cpuid.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "injector/failure.hpp"
#include "injector/inject/arch/arch.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::inject::arch {

const std::uint16_t elf_machine = EM_X86_64;

namespace {

// System V ABI for AMD64, 3.2.2: a leaf function may use this much below its stack pointer.
constexpr std::uint64_t red_zone = 128;
constexpr std::uint64_t user_code_64 = 0x33;  // __USER_CS, arch/x86/include/asm/segment.h

// include/linux/errno.h: what a system call returns inside the kernel when a signal, or ptrace,
// interrupted it. The kernel turns them into a restart or EINTR on its way back to user space.
enum Restart : std::int64_t {
  restart_sys = -512,
  restart_no_interrupt = -513,
  restart_no_handler = -514,
  restart_block = -516,
};

// arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext of the 64-bit kernel.
struct SignalContext {
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  std::uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error, trap, old_mask, cr2;
  std::uint64_t extended;  // pointer to the extended state
  std::array<std::uint64_t, 8> reserved;
};
static_assert(sizeof(SignalContext) == 256);

// arch/x86/include/asm/sigframe.h, struct rt_sigframe.
struct SignalFrame {
  std::uint64_t return_address;
  std::uint64_t flags;
  std::uint64_t link;
  std::uint64_t alternate_stack;
  std::uint64_t alternate_flags;
  std::uint64_t alternate_size;
  SignalContext context;
  std::uint64_t mask;
  std::array<std::byte, 128> info;
};
static_assert(sizeof(SignalFrame) == 440);

// UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
constexpr std::uint64_t frame_flags = 7;

// The extended state in the layout of XSAVE (Intel SDM volume 1, 13.4): the legacy area of FXSAVE,
// in whose last 48 bytes the kernel describes the rest (struct _fpx_sw_bytes), then a header.
constexpr std::size_t legacy_size = 512;
constexpr std::size_t header_size = 64;
constexpr std::size_t description_offset = 464;
constexpr std::uint32_t magic_begin = 0x46505853;  // FP_XSTATE_MAGIC1
constexpr std::uint32_t magic_end = 0x46505845;    // FP_XSTATE_MAGIC2
struct Description {
  std::uint32_t magic;
  std::uint32_t extended_size;
  std::uint64_t features;
  std::uint32_t state_size;
  std::array<std::uint32_t, 7> padding;
};
static_assert(sizeof(Description) == 48);

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) & ~(to - 1);
}
constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t to) {
  return value & ~(to - 1);
}

template <class Value>
Value load(std::span<const std::byte> from, std::size_t offset) {
  Value value;
  std::memcpy(&value, from.data() + offset, sizeof value);
  return value;
}
template <class Value>
void store(std::vector<std::byte>& to, std::uint64_t offset, const Value& value) {
  std::memcpy(to.data() + offset, &value, sizeof value);
}

// How many bytes of the state hold anything. ptrace gives room for every feature of the processor,
// and the kernel takes a frame for damaged when it is larger than what the process may use (AMX
// takes 8 KiB and has to be asked for): it would then restore SSE alone.
std::size_t size_in_use(std::span<const std::byte> state) {
  const auto in_use = load<std::uint64_t>(state, legacy_size);
  std::size_t size = legacy_size + header_size;
  for (unsigned feature = 2; feature < 63; ++feature) {
    if ((in_use >> feature & 1) == 0) continue;
    std::array<unsigned, 4> leaf{};  // size, offset, flags
    __cpuid_count(0xd, feature, leaf[0], leaf[1], leaf[2], leaf[3]);
    size = std::max(size, std::size_t{leaf[0]} + leaf[1]);
  }
  return std::min(size, state.size());
}

// The extended state as rt_sigreturn wants it.
std::vector<std::byte> framed(std::span<const std::byte> state) {
  if (state.size() < legacy_size + header_size) return {state.begin(), state.end()};  // no XSAVE
  const std::size_t size = size_in_use(state);
  std::vector<std::byte> framed(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(size));
  framed.resize(size + sizeof magic_end);
  Description description{};
  description.magic = magic_begin;
  description.extended_size = static_cast<std::uint32_t>(framed.size());
  // ptrace leaves the features that the process may use here; the legacy two always are.
  description.features = load<std::uint64_t>(state, description_offset) | 3;
  description.state_size = static_cast<std::uint32_t>(size);
  store(framed, description_offset, description);
  store(framed, size, magic_end);
  return framed;
}

// The registers as the kernel would set them on the way back to user space.
Registers with_restart(Registers registers) {
  if (static_cast<std::int64_t>(registers.orig_rax) >= 0) {
    switch (static_cast<std::int64_t>(registers.rax)) {
      case restart_sys:
      case restart_no_interrupt:
      case restart_no_handler:
        registers.rax = registers.orig_rax;
        registers.rip -= 2;
        break;
      case restart_block:  // rt_sigreturn forgets how to restart it
        registers.rax = static_cast<std::uint64_t>(-EINTR);
        break;
      default:
        break;
    }
  }
  registers.orig_rax = ~0ULL;
  return registers;
}

SignalFrame signal_frame(const State& state, std::uint64_t restorer, std::uint64_t extended) {
  const Registers r = with_restart(state.registers);
  SignalFrame frame{};
  frame.return_address = restorer;
  frame.flags = frame_flags;
  // An alternate stack of size 0 is refused by the kernel, which leaves the present one alone.
  SignalContext& c = frame.context;
  c.r8 = r.r8, c.r9 = r.r9, c.r10 = r.r10, c.r11 = r.r11;
  c.r12 = r.r12, c.r13 = r.r13, c.r14 = r.r14, c.r15 = r.r15;
  c.di = r.rdi, c.si = r.rsi, c.bp = r.rbp, c.bx = r.rbx;
  c.dx = r.rdx, c.ax = r.rax, c.cx = r.rcx, c.sp = r.rsp;
  c.ip = r.rip, c.flags = r.eflags;
  c.cs = static_cast<std::uint16_t>(r.cs);
  c.ss = static_cast<std::uint16_t>(r.ss);
  c.extended = extended;
  frame.mask = state.signal_mask;
  return frame;
}

// Bytes that grow upwards, with the offset of what was put last.
struct Area {
  std::vector<std::byte> bytes;

  std::uint64_t put(std::span<const std::byte> data, std::uint64_t alignment) {
    const std::uint64_t offset = align_up(bytes.size(), alignment);
    bytes.resize(offset);
    bytes.insert(bytes.end(), data.begin(), data.end());
    return offset;
  }
  std::uint64_t put(const std::string& text) {
    return put(std::as_bytes(std::span(text.c_str(), text.size() + 1)), 1);
  }
  // Room for pointers to the texts, which become addresses when the area has one.
  std::uint64_t put(const std::vector<std::string>& texts) {
    std::vector<std::uint64_t> offsets;
    offsets.reserve(texts.size() + 1);
    for (const std::string& text : texts) offsets.push_back(put(text));
    offsets.push_back(0);
    return put(std::as_bytes(std::span(offsets)), 8);
  }
  void add_address(std::uint64_t offset, std::size_t count, std::uint64_t address) {
    for (; count > 0; --count, offset += 8) {
      store(bytes, offset, load<std::uint64_t>(bytes, offset) + address);
    }
  }
};

}  // namespace

void find_code(std::span<const std::byte> text, std::uint64_t address, Code& code) {
  using namespace std::string_view_literals;
  const auto find = [&](std::uint64_t& where, std::string_view sequence) {
    if (where != 0) return;
    const void* found = ::memmem(text.data(), text.size(), sequence.data(), sequence.size());
    if (found == nullptr) return;
    where =
        address + static_cast<std::uint64_t>(static_cast<const std::byte*>(found) - text.data());
  };
  find(code.syscall, "\x0f\x05"sv);
  find(code.syscall_return, "\x0f\x05\xc3"sv);
  find(code.signal_return, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05"sv);  // mov $15,%rax; syscall
  find(code.signal_return, "\xb8\x0f\0\0\0\x0f\x05"sv);          // mov $15,%eax; syscall
}

State read_state(pid_t pid) {
  State state;
  iovec registers{&state.registers, sizeof state.registers};
  sys::check(::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &registers),
             "read the registers of process ", std::to_string(pid));
  if (registers.iov_len != sizeof state.registers || state.registers.cs != user_code_64) {
    throw Failure("process " + std::to_string(pid) + " runs 32-bit code",
                  "boot the machine with a 64-bit init");
  }
  state.extended.resize(std::size_t{64} << 10);
  iovec extended{state.extended.data(), state.extended.size()};
  if (::ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &extended) < 0) {
    extended.iov_len = state.extended.size();  // a processor without XSAVE
    sys::check(::ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &extended),
               "read the floating point registers of process ", std::to_string(pid));
  }
  state.extended.resize(extended.iov_len);
  sys::check(::ptrace(PTRACE_GETSIGMASK, pid, sizeof state.signal_mask, &state.signal_mask),
             "read the signal mask of process ", std::to_string(pid));
  return state;
}

void write_registers(pid_t pid, const Registers& registers) {
  Registers copy = registers;
  iovec vector{&copy, sizeof copy};
  sys::check(::ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector), "set the registers of process ",
             std::to_string(pid));
}

Call build_execve(const State& state, const Code& code, const Program& program) {
  Area area;
  SignalFrame frame{};
  area.put(std::as_bytes(std::span(&frame, 1)), 1);
  const std::uint64_t extended = area.put(framed(state.extended), 64);
  const std::uint64_t path = area.put(program.path);
  const std::uint64_t arguments = area.put(program.arguments);
  const std::uint64_t environment = area.put(program.environment);

  Call call;
  call.restores_itself = code.restores_itself();
  call.address = align_down(state.registers.rsp - red_zone - area.bytes.size(), 64);
  frame = signal_frame(state, code.signal_return, call.address + extended);
  store(area.bytes, 0, frame);
  area.add_address(arguments, program.arguments.size(), call.address);
  area.add_address(environment, program.environment.size(), call.address);
  call.bytes = std::move(area.bytes);

  // A signal handler that ran with the old stack pointer would overwrite the strings.
  call.stack_pointer = call.address;
  call.instruction = call.restores_itself ? code.syscall_return : code.syscall;
  call.after = call.instruction + 2;
  call.registers = state.registers;
  call.registers.rax = SYS_execve;
  call.registers.orig_rax = ~0ULL;
  call.registers.rdi = call.address + path;
  call.registers.rsi = call.address + arguments;
  call.registers.rdx = call.address + environment;
  call.registers.rip = call.instruction;
  call.registers.rsp = call.stack_pointer;
  return call;
}

std::uint64_t stack_pointer(const Registers& registers) noexcept {
  return registers.rsp;
}
std::uint64_t instruction_pointer(const Registers& registers) noexcept {
  return registers.rip;
}
std::int64_t syscall_result(const Registers& registers) noexcept {
  return static_cast<std::int64_t>(registers.rax);
}

}  // namespace dboot::inject::arch
