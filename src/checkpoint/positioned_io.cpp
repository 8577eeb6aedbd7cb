#include "checkpoint/positioned_io.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace modr {

namespace {

// Calls transfer(parts, offset), pwritev or preadv, until both parts are through; `at_end` is the errno of a call that
// moves nothing.
template <typename Byte, typename Transfer>
int move_all(uint64_t offset, std::span<Byte> bytes, std::span<Byte> more, int at_end, const Transfer& transfer) {
  const auto part_of = [](std::span<Byte> part) { return iovec{const_cast<std::byte*>(part.data()), part.size()}; };
  while (!bytes.empty() || !more.empty()) {
    const iovec parts[] = {part_of(bytes), part_of(more)};
    const ssize_t count = transfer(parts, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : at_end;
    const auto moved = static_cast<std::size_t>(count);
    offset += moved;
    const std::size_t of_bytes = std::min(moved, bytes.size());
    bytes = bytes.subspan(of_bytes);
    more = more.subspan(moved - of_bytes);
  }
  return 0;
}

}  // namespace

int write_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes, std::span<const std::byte> more) {
  return move_all(offset, bytes, more, EIO,
                  [&](const iovec* parts, off_t at) { return ::pwritev(descriptor, parts, 2, at); });
}

int read_at(int descriptor, uint64_t offset, std::span<std::byte> bytes, std::span<std::byte> more) {
  return move_all(offset, bytes, more, ENODATA,
                  [&](const iovec* parts, off_t at) { return ::preadv(descriptor, parts, 2, at); });
}

}  // namespace modr
