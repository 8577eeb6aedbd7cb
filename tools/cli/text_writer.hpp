#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace modr::tools {

/// Text that grows piece by piece: written as it comes, or, `by_lines`, only up to the end of a line. (mpirun passes on
/// lines: Open MPI 5's puts the beginning of one before whatever it gets next, be it of stderr or of another rank.)
class TextWriter {
 public:
  TextWriter(std::function<void(std::string_view)> write, bool by_lines)
      : write_(std::move(write)), by_lines_(by_lines) {}

  void push(std::string_view piece) {
    held_ += piece;
    const std::size_t ready = by_lines_ ? held_.rfind('\n') + 1 : held_.size();  // (npos + 1 is 0)
    if (ready == 0) return;
    write_(std::string_view(held_).substr(0, ready));
    held_.erase(0, ready);
  }

  /// Ends the last line.
  void finish() { push("\n"); }

 private:
  std::function<void(std::string_view)> write_;
  bool by_lines_;
  std::string held_;
};

}  // namespace modr::tools
