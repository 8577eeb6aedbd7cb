#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace modr {

/// Where a tensor's values are: in the host's memory, in a GPU's, or nowhere. A meta tensor has a shape and a dtype and
/// takes part in everything but arithmetic, so that a step of a model can be gone through for what it would need.
enum class DeviceKind : uint8_t { cpu, cuda, meta };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int16_t index = 0;  ///< among this process's GPUs

  bool is_cpu() const { return kind == DeviceKind::cpu; }
  bool is_cuda() const { return kind == DeviceKind::cuda; }
  bool is_meta() const { return kind == DeviceKind::meta; }
  bool operator==(const Device&) const = default;
};

inline constexpr Device cpu_device{}, meta_device{DeviceKind::meta, 0};

/// "cpu", "cuda:1" or "meta".
std::string name_of(Device device);

/// Whether it is the name of a device, there or not.
bool is_device(std::string_view name);

/// The inverse of name_of(), where "cuda" is "cuda:0"; throws Error for another name.
Device parse_device(std::string_view name);

}  // namespace modr
