#pragma once
#include <filesystem>
#include <string_view>

namespace modr {

/// A file that gets its name only when it is whole and on the disk: it is written under a temporary name beside it,
/// commit() flushes it, renames it and flushes the folder. Without commit() the temporary is removed and an older file
/// of that name stays as it is.
class DurableFile {
 public:
  /// Makes the empty temporary. Throws Error when the folder cannot be written.
  explicit DurableFile(std::filesystem::path path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  /// Where to write until commit().
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Appends to the temporary. Throws Error.
  void write(std::string_view text);
  /// Throws Error when the bytes cannot be brought to the disk.
  void commit();

  static constexpr std::string_view kSuffix = ".tmp";
  /// The temporary's name for a file at `path`.
  static std::filesystem::path temporary_of(std::filesystem::path path) { return path += kSuffix; }

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace modr
