#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace modr {

/// The bytes that it takes behind a chunk, the lowest first.
inline constexpr std::size_t kFletcher32Bytes = 4;

/// The checksum that HDF5's filter fletcher32 puts behind a chunk (Fletcher 1982, over big-endian 16-bit words; HDF5 file
/// format specification, "Fletcher32 filter"). `bytes` has an even length; throws Error otherwise.
uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace modr
