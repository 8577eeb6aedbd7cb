#pragma once
#include <cstddef>
#include <map>

namespace modr {

/// One range of addresses, reserved when the program starts and backed by memory as far as it was ever used, in which
/// large blocks lie: the lowest gap that is large enough serves a request, and neighbouring gaps are one. So whatever
/// sizes come and go, the memory taken from the system stays close to the most that was in use at once, it is never
/// given back and taken again, and huge pages can back it. Not thread-safe; sizes are rounded to pages.
class Arena {
 public:
  /// Reserves up to `max_bytes`; less where the system grants no more, down to nothing.
  explicit Arena(std::size_t max_bytes);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  static std::size_t rounded(std::size_t bytes);
  /// A block of rounded(bytes); null when the range or the system's memory is used up.
  std::byte* take(std::size_t bytes);
  void give_back(std::byte* block, std::size_t bytes);
  bool contains(const std::byte* block) const { return block >= base_ && block < base_ + reserved_; }
  /// Gives the memory of all gaps back to the system; their addresses stay.
  void release();

  /// Bytes from the beginning to the end of the highest block there has been.
  std::size_t extent() const { return extent_; }
  /// How often the extent grew.
  std::size_t growths() const { return growths_; }

 private:
  bool grow_for(std::size_t size);

  std::byte* base_ = nullptr;
  std::size_t reserved_ = 0, extent_ = 0, growths_ = 0;
  std::map<std::size_t, std::size_t> gaps_;  // below the extent: offset -> size, none touching another
};

}  // namespace modr
