#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <functional>
#include <string>

namespace dboot {

/// Makes a tar archive in memory, entry by entry, as hostile as the test wants it.
class TarBuilder {
 public:
  using Change = std::function<void(archive_entry*)>;

  explicit TarBuilder(int filter = ARCHIVE_FILTER_NONE) : writer_(::archive_write_new()) {
    ::archive_write_set_format_pax(writer_);
    ::archive_write_add_filter(writer_, filter);
    ::archive_write_set_bytes_in_last_block(writer_, 1);
    ::archive_write_open2(
        writer_, this, nullptr,
        [](archive*, void* self, const void* data, std::size_t size) {
          static_cast<TarBuilder*>(self)->bytes_.append(static_cast<const char*>(data), size);
          return static_cast<la_ssize_t>(size);
        },
        nullptr, nullptr);
  }
  ~TarBuilder() { ::archive_write_free(writer_); }
  TarBuilder(const TarBuilder&) = delete;
  TarBuilder& operator=(const TarBuilder&) = delete;

  TarBuilder& directory(const std::string& name, mode_t mode = 0755, const Change& change = {}) {
    return entry(name, S_IFDIR | mode, {}, change);
  }
  TarBuilder& file(const std::string& name, const std::string& content, mode_t mode = 0644,
                   const Change& change = {}) {
    return entry(name, S_IFREG | mode, content, change);
  }
  TarBuilder& symlink(const std::string& name, const std::string& target) {
    return entry(name, S_IFLNK | 0777, {},
                 [&](archive_entry* entry) { ::archive_entry_set_symlink(entry, target.c_str()); });
  }
  TarBuilder& hardlink(const std::string& name, const std::string& target) {
    return entry(name, S_IFREG | 0644, {}, [&](archive_entry* entry) {
      ::archive_entry_set_hardlink(entry, target.c_str());
    });
  }
  TarBuilder& node(const std::string& name, mode_t mode, dev_t device = 0) {
    return entry(name, mode, {},
                 [&](archive_entry* entry) { ::archive_entry_set_rdev(entry, device); });
  }
  TarBuilder& entry(const std::string& name, mode_t mode, const std::string& content,
                    const Change& change) {
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_mode(entry, mode);
    ::archive_entry_set_mtime(entry, 1'000'000'000, 0);
    if (S_ISREG(mode)) ::archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    if (change) change(entry);
    ::archive_write_header(writer_, entry);
    if (!content.empty()) ::archive_write_data(writer_, content.data(), content.size());
    ::archive_entry_free(entry);
    return *this;
  }

  std::string finish() {
    ::archive_write_close(writer_);
    return bytes_;
  }

 private:
  archive* writer_;
  std::string bytes_;
};

}  // namespace dboot
