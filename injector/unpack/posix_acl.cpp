#include "injector/unpack/posix_acl.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "injector/unpack/bad_entry.hpp"

namespace dboot::rootfs {
namespace {

struct Grant {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};

void append(std::string& bytes, std::uint32_t value, unsigned size) {
  for (unsigned byte = 0; byte < size; ++byte) {
    bytes.push_back(static_cast<char>(value >> 8U * byte & 0xffU));
  }
}

std::uint16_t kernel_tag(int tag) {
  switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ:
      return ACL_USER_OBJ;
    case ARCHIVE_ENTRY_ACL_USER:
      return ACL_USER;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
      return ACL_GROUP_OBJ;
    case ARCHIVE_ENTRY_ACL_GROUP:
      return ACL_GROUP;
    case ARCHIVE_ENTRY_ACL_MASK:
      return ACL_MASK;
    case ARCHIVE_ENTRY_ACL_OTHER:
      return ACL_OTHER;
    default:
      throw BadEntry("its ACL has an entry of an unknown kind");
  }
}

std::uint32_t id_of(std::uint16_t tag, int qualifier, const char* name) {
  if (tag != ACL_USER && tag != ACL_GROUP) return static_cast<std::uint32_t>(ACL_UNDEFINED_ID);
  if (qualifier >= 0) return static_cast<std::uint32_t>(qualifier);
  // The names are those of another system.
  const std::string_view text = name == nullptr ? "" : name;
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    throw BadEntry("its ACL names " + std::string(text) + " without a number",
                   "write the archive anew, without --acls");
  }
  return id;
}

std::string acl_of(archive_entry* entry, int type) {
  std::vector<Grant> grants;
  int found_type = 0;
  int permissions = 0;
  int tag = 0;
  int qualifier = 0;
  const char* name = nullptr;
  ::archive_entry_acl_reset(entry, type);
  while (::archive_entry_acl_next(entry, type, &found_type, &permissions, &tag, &qualifier,
                                  &name) == ARCHIVE_OK) {
    const std::uint16_t kernels = kernel_tag(tag);
    grants.push_back(
        {kernels, static_cast<std::uint16_t>(permissions & 7), id_of(kernels, qualifier, name)});
  }
  // The order that posix_acl_valid() in the kernel's fs/posix_acl.c asks for.
  std::ranges::sort(grants, {}, [](const Grant& grant) { return std::tuple(grant.tag, grant.id); });
  std::string value;
  append(value, POSIX_ACL_XATTR_VERSION, 4);
  for (const auto& grant : grants) {
    append(value, grant.tag, 2);
    append(value, grant.permissions, 2);
    append(value, grant.id, 4);
  }
  return value;
}

}  // namespace

Xattrs posix_acls_of(archive_entry* entry) {
  Xattrs acls;
  const int types = ::archive_entry_acl_types(entry);
  if ((types & ARCHIVE_ENTRY_ACL_TYPE_ACCESS) != 0) {
    acls.emplace_back("system.posix_acl_access", acl_of(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS));
  }
  if ((types & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) != 0) {
    acls.emplace_back("system.posix_acl_default", acl_of(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT));
  }
  return acls;
}

}  // namespace dboot::rootfs
