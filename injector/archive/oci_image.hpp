#pragma once

#include <memory>
#include <string>

#include "injector/archive/file_set.hpp"
#include "injector/image/source.hpp"

/// Images in an OCI image layout ("image-layout.md" of the OCI image specification). `image` is
/// what the index calls it (org.opencontainers.image.ref.name); empty: the only one.
namespace dboot::image {

/// In a directory. Throws Failure.
std::unique_ptr<Source> open_oci_layout(const std::string& path, const std::string& image);

/// In a tar archive of such a directory. Throws Failure.
std::unique_ptr<Source> open_oci_archive(const std::string& path, const std::string& image);

/// Whether the index of these files leads to an image that has layers. Never throws: whatever is
/// wrong with it, it does not.
bool leads_to_layers(const FileSet& files) noexcept;

/// In these files. Index, manifest and config are read and verified now, layers when they are
/// applied. Throws Failure.
std::unique_ptr<Source> oci_image(std::shared_ptr<const FileSet> files, const std::string& image);

}  // namespace dboot::image
