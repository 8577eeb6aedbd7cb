#pragma once
#include <string_view>

#include "base/device.hpp"

namespace modr::tools {

/// What is written after --device.
inline constexpr const char* device_names = "cpu, cuda, cuda:N or auto (a GPU where there is one)";

/// The device that is meant by cpu, cuda, cuda:N or auto, in a process that is the `place`th of its host: `cuda` is the
/// GPU of this place, round the host's GPUs where there are fewer. Throws UsageError for another name, and Error where
/// there is no such GPU.
Device choose_device(std::string_view name, int place = 0);

}  // namespace modr::tools
