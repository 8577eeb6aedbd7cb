#pragma once
// Private to this room: HDF5's C handles as objects, and its error stack as text. Nothing outside src/checkpoint
// includes this file (it is the one that includes hdf5.h).
#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace modr {

/// An HDF5 identifier that closes itself. A negative one means that the call which made it failed.
class H5Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  H5Handle() = default;
  H5Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  ~H5Handle() { close(); }

  /// Closes now; false when HDF5 reports a failure.
  bool close() { return id_ < 0 || closer_(std::exchange(id_, H5I_INVALID_HID)) >= 0; }
  bool ok() const { return id_ >= 0; }
  hid_t id() const { return id_; }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Closer closer_ = nullptr;
};

/// What an H5Pset_… or another setting of HDF5's returned; throws Error when it was refused. (One that is left out
/// could, for instance, give a file without checksums.)
void require_hdf5(herr_t result, const char* setting);

/// HDF5, as it is commonly built, knows no threads, and a save uses it beside training: whoever calls it holds this.
/// Every public function of H5File does.
class Hdf5Lock {
 public:
  Hdf5Lock() : lock_(mutex_) {}

 private:
  static inline std::recursive_mutex mutex_;
  std::lock_guard<std::recursive_mutex> lock_;
};

/// Stops HDF5 from printing its own errors on stderr; called before every first use.
void silence_hdf5();
/// The innermost reason on HDF5's error stack, e.g. "file signature not found"; clears the stack.
std::string take_hdf5_error();
/// Throws Error "<where>: <what>: <HDF5's reason>".
[[noreturn]] void fail_hdf5(const std::string& where, const std::string& what);
/// The same for a file that could not be read: "<where>: <what>, the file is damaged: <reason>", unless the system has
/// failed rather than HDF5. Where nothing is there, or something else: "<where>: <missing>: <reason>", if that is
/// given.
[[noreturn]] void fail_reading(const std::string& where, const std::string& what, const std::string& missing = {});

}  // namespace modr
