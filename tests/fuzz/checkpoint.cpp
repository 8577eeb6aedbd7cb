// A checkpoint's bytes.
#include "inspect.hpp"

namespace modr::fuzz {

std::string refusal(std::string_view data) {
  static const Scratch scratch;
  return refusal_of_checkpoint(scratch.write("checkpoint.h5", data));
}

}  // namespace modr::fuzz
