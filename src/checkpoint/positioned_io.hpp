#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace modr {

/// Writes all of `bytes` at `offset` of a file, behind each other with `more`. Returns 0, or the errno of what failed.
int write_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes, std::span<const std::byte> more = {});
/// Fills `bytes` and then `more` with what stands at `offset` of a file. Returns 0, or the errno of what failed: ENODATA
/// where the file ends before.
int read_at(int descriptor, uint64_t offset, std::span<std::byte> bytes, std::span<std::byte> more = {});

}  // namespace modr
