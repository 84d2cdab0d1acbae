#include "tests/sandbox/image_tar.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

#include "shared/syscalls.hpp"

namespace dboot::testing {
namespace {

// POSIX ustar, pax(1): "ustar Interchange Format".
struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> modified;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 8> magic;
  std::array<char, 247> rest;
};
static_assert(sizeof(Header) == 512);

template <std::size_t size>
void put(std::array<char, size>& field, const std::string& text) {
  if (text.size() >= size) throw std::length_error("too long for a tar header: " + text);
  std::memcpy(field.data(), text.data(), text.size());
}

// Fills the field up to its last byte, which stays NUL.
template <std::size_t size>
void put_octal(std::array<char, size>& field, std::uint64_t value) {
  for (std::size_t digit = size - 1; digit-- > 0; value /= 8) {
    field[digit] = static_cast<char>('0' + value % 8);
  }
}

}  // namespace

ImageTar ImageTar::of_busybox() {
  ImageTar tar;
  tar.add_directory("bin");
  tar.add_file("bin/busybox", sys::read_file("/bin/busybox"), 0755);
  tar.add_link("bin/sh", "busybox");
  return tar;
}

ImageTar& ImageTar::add_directory(const std::string& path) {
  add_header(path + "/", '5', 0755, 0, "");
  return *this;
}

ImageTar& ImageTar::add_file(const std::string& path, std::string_view content, unsigned mode) {
  add_header(path, '0', mode, content.size(), "");
  bytes_ += content;
  bytes_.append((512 - content.size() % 512) % 512, '\0');
  return *this;
}

ImageTar& ImageTar::add_link(const std::string& path, const std::string& target) {
  add_header(path, '2', 0777, 0, target);
  return *this;
}

void ImageTar::add_header(const std::string& path, char type, unsigned mode, std::uint64_t size,
                          const std::string& target) {
  Header header{};
  put(header.name, path);
  put_octal(header.mode, mode);
  put_octal(header.uid, 0);
  put_octal(header.gid, 0);
  put_octal(header.size, size);
  put_octal(header.modified, 0);
  header.type = type;
  put(header.link, target);
  std::memcpy(header.magic.data(), "ustar\00000", 8);
  header.checksum.fill(' ');
  unsigned sum = 0;
  std::array<unsigned char, sizeof header> raw{};
  std::memcpy(raw.data(), &header, sizeof header);
  for (const unsigned char byte : raw) sum += byte;
  header.checksum.back() = '\0';
  put_octal(header.checksum, sum);
  bytes_.append(reinterpret_cast<const char*>(&header), sizeof header);
}

}  // namespace dboot::testing
