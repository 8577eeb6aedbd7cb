#include "base/device.hpp"

#include <charconv>
#include <optional>

#include "base/error.hpp"

namespace modr {

std::string name_of(Device device) {
  if (device.is_cpu()) return "cpu";
  if (device.is_meta()) return "meta";
  return fmt::format("cuda:{}", device.index);
}

namespace {

std::optional<Device> find_device(std::string_view name) {
  if (name == "cpu") return cpu_device;
  if (name == "meta") return meta_device;
  constexpr std::string_view gpu = "cuda";
  if (name == gpu) return Device{DeviceKind::cuda, 0};
  if (name.starts_with(gpu) && name.substr(gpu.size()).starts_with(':')) {
    const std::string_view digits = name.substr(gpu.size() + 1);
    Device device{DeviceKind::cuda, 0};
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), device.index);
    if (error == std::errc{} && rest == digits.data() + digits.size() && device.index >= 0) return device;
  }
  return std::nullopt;
}

}  // namespace

bool is_device(std::string_view name) { return find_device(name).has_value(); }

Device parse_device(std::string_view name) {
  if (const std::optional<Device> device = find_device(name)) return *device;
  fail("device: expected cpu, cuda, cuda:N or meta, found '{}'", name);
}

}  // namespace modr
