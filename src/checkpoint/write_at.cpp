#include "checkpoint/write_at.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace modr {

int write_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes, std::span<const std::byte> more) {
  while (!bytes.empty() || !more.empty()) {
    const iovec parts[] = {{const_cast<std::byte*>(bytes.data()), bytes.size()},
                           {const_cast<std::byte*>(more.data()), more.size()}};
    const ssize_t count = ::pwritev(descriptor, parts, 2, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    auto written = static_cast<std::size_t>(count);
    offset += written;
    const std::size_t of_bytes = std::min(written, bytes.size());
    bytes = bytes.subspan(of_bytes);
    more = more.subspan(written - of_bytes);
  }
  return 0;
}

}  // namespace modr
