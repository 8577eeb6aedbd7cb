#pragma once
// Memory that begins as NaNs and shows when somebody wrote past its end.
#include <cstddef>

namespace modr::emulated {

inline constexpr std::size_t guard_bytes = 256, memory_alignment = 256;

/// For std::free. All of its bytes are 0xff, which is a NaN in every type of number; behind them is a guard. Throws
/// Error where there is no memory.
void* make_guarded(std::size_t bytes);
/// The same of memory that there is.
void fill_guarded(void* memory, std::size_t bytes);
bool guard_is_whole(const void* memory, std::size_t bytes);

}  // namespace modr::emulated
