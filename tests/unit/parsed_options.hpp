#pragma once

#include <string>
#include <vector>

#include "injector/options.hpp"

namespace dboot {

inline Options parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "dboot-inject");
  return options::parse(static_cast<int>(arguments.size()), arguments.data());
}

inline options::Answer answer(std::vector<const char*> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const options::Answer& given) {
    return given;
  }
  return {"parsed", -1};
}

}  // namespace dboot
