#pragma once
// Libraries of NVIDIA's that are loaded when their first function is called: linked, they would take room and time of
// every process, also of those that compute on the CPU.
#include <dlfcn.h>

#include <string>

#include "base/exceptions.hpp"

namespace modr {

/// The library of this name, or else the file `found_by_cmake`; null where neither is there.
inline void* find_library(const std::string& name, const char* found_by_cmake) {
  void* found = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  return found != nullptr ? found : dlopen(found_by_cmake, RTLD_NOW | RTLD_LOCAL);
}

/// The same. Throws Error where it is not there.
inline void* load_library(const std::string& name, const char* found_by_cmake) {
  if (void* library = find_library(name, found_by_cmake)) return library;
  throw Error(name + " cannot be loaded: " + dlerror() + ": expected NVIDIA's libraries in LD_LIBRARY_PATH");
}

/// What a function of this type and name in our program is to call. Throws Error where the library has none.
template <typename F>
F* find_function(void* library, F*, const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr) throw Error(std::string("no function ") + name + ": " + dlerror());
  return reinterpret_cast<F*>(found);
}

}  // namespace modr

/// The body of a function that calls the one of its name in the library that the file's library() gives.
#define MODR_CALL(function, ...)                                                   \
  static auto* const found = modr::find_function(library(), &function, #function); \
  return found(__VA_ARGS__)
