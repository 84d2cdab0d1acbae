#include "injector/completions.hpp"

#include <exception>

#include "injector/engine/client.hpp"
#include "injector/engine/podman.hpp"
#include "injector/engine/socket.hpp"
#include "injector/place.hpp"
#include "shared/plan/phases.hpp"

namespace dboot::completions {
namespace {

using completion::Candidates;

std::vector<std::string> places(const char* behind, bool with_console) {
  std::vector<std::string> words;
  for (const std::string phase : phase_names) {
    for (const Moment moment : {Moment::before, Moment::after}) {
      const Place place{moment, phase};
      const bool is_one = place::is_possible(place) && (!with_console || place::has_console(place));
      if (is_one) words.push_back(to_string(place) + behind);
    }
  }
  return words;
}

Candidates hook(const std::string& typed) {
  const auto equals = typed.find('=');
  if (equals == std::string::npos) return completion::beginning_with(typed, places("=", false));
  return completion::files_behind(typed.substr(0, equals + 1), typed);
}

Candidates breakpoint(const std::string& typed) {
  return completion::beginning_with(typed, places("", true));
}

/// An engine may answer with anything, and a shell would execute it.
void keep_names_of_images(std::vector<std::string>& names) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@-";
  std::erase_if(names, [&](const std::string& name) {
    return name.find_first_not_of(letters) != std::string::npos;
  });
}

/// Of an engine that answers. A shell has no place for a reason why it does not.
std::vector<std::string> docker_images(const completion::Given& given) try {
  const auto host = given.find("--host");
  auto names =
      image::image_names(image::docker_socket_path(host == given.end() ? "" : host->second));
  keep_names_of_images(names);
  return names;
} catch (const std::exception&) {
  return {};
}

std::vector<std::string> podman_images() try {
  auto names = image::image_names(image::podman_socket);
  keep_names_of_images(names);
  for (auto& name : names) name.insert(0, "podman:");
  return names;
} catch (const std::exception&) {
  return {};
}

Candidates images(const std::string& typed, const completion::Given& given) {
  for (const std::string transport : {"docker-archive:", "oci-archive:", "oci:", "dir:", "tar:"}) {
    if (typed.starts_with(transport)) return completion::files_behind(transport, typed);
  }
  if (!typed.empty() && (typed.front() == '/' || typed.front() == '.' || typed.front() == '~'))
    return completion::files(typed);
  if (typed.starts_with("podman:")) return completion::beginning_with(typed, podman_images());
  auto words = docker_images(given);
  for (const char* transport : {"docker-archive:", "docker-daemon:", "oci-archive:", "oci:", "dir:",
                                "tar:", "podman:", "./"})
    words.emplace_back(transport);
  return completion::beginning_with(typed, words);
}

}  // namespace

completion::Hints hints() {
  completion::Hints hints;
  hints.values["--hook"] = hook;
  hints.values["--break"] = breakpoint;
  hints.arguments = images;
  hints.first_argument_ends_it = true;
  return hints;
}

}  // namespace dboot::completions
