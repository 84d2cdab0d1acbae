#include "payload/console/terminal_settings.hpp"

#include <linux/kd.h>
#include <linux/vt.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cstring>

#include "shared/console/console_choice.hpp"

namespace dboot::terminal_settings {

std::string type_of(std::string_view name) {
  if (virtual_terminal_number(name) > 0) return "linux";
  return name.empty() || name == "console" ? "xterm" : "vt220";
}

std::string read(int fd) {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return "";
  return {reinterpret_cast<const char*>(&settings), sizeof settings};
}

void restore(int fd, std::string_view text) noexcept {
  termios settings{};
  if (text.size() != sizeof settings) return;
  std::memcpy(&settings, text.data(), sizeof settings);
  ::tcsetattr(fd, TCSANOW, &settings);
}

void make_sane(int fd) noexcept {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return;
  settings.c_iflag = BRKINT | ICRNL | IXON | IUTF8;
  settings.c_oflag = OPOST | ONLCR;
  settings.c_cflag =
      (settings.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB | CSTOPB | CRTSCTS)) | CS8 | CREAD |
      CLOCAL | HUPCL;
  settings.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  constexpr cc_t control_c = 3, control_backslash = 28, del = 127, control_u = 21, control_d = 4;
  constexpr cc_t control_q = 17, control_s = 19, control_z = 26, control_r = 18, control_w = 23;
  constexpr cc_t control_v = 22, control_o = 15;
  settings.c_cc[VINTR] = control_c;
  settings.c_cc[VQUIT] = control_backslash;
  settings.c_cc[VERASE] = del;
  settings.c_cc[VKILL] = control_u;
  settings.c_cc[VEOF] = control_d;
  settings.c_cc[VTIME] = 0;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VSTART] = control_q;
  settings.c_cc[VSTOP] = control_s;
  settings.c_cc[VSUSP] = control_z;
  settings.c_cc[VEOL] = 0;
  settings.c_cc[VREPRINT] = control_r;
  settings.c_cc[VDISCARD] = control_o;
  settings.c_cc[VWERASE] = control_w;
  settings.c_cc[VLNEXT] = control_v;
  settings.c_cc[VEOL2] = 0;
  ::tcsetattr(fd, TCSANOW, &settings);
  ::tcflow(fd, TCOON);
}

void make_text(int fd) noexcept {
  ::ioctl(fd, KDSETMODE, KD_TEXT);
  ::ioctl(fd, KDSKBMODE, K_UNICODE);
  vt_mode by_kernel{};
  by_kernel.mode = VT_AUTO;
  ::ioctl(fd, VT_SETMODE, &by_kernel);
}

int active_virtual_terminal(int fd) noexcept {
  vt_stat state{};
  return ::ioctl(fd, VT_GETSTATE, &state) == 0 ? state.v_active : 0;
}

void switch_to(int fd, int number) noexcept {
  ::ioctl(fd, VT_ACTIVATE, number);
}

}  // namespace dboot::terminal_settings
