// Checkpoints in which HDF5 finds nothing wrong, but which may hold anything: the input says, piece by piece, what is
// written to one. Changed bytes of a real checkpoint seldom get that far, for HDF5 compares their checksums first.
#include <array>
#include <limits>

#include "checkpoint/contents.hpp"
#include "checkpoint/h5_file.hpp"
#include "inspect.hpp"

namespace modr::fuzz {

namespace {

/// The input as decisions; when it is used up, all are the first of what can be chosen.
class Choices {
 public:
  explicit Choices(std::string_view data) : rest_(data) {}
  bool done() const { return rest_.empty(); }
  template <typename T, std::size_t n>
  const T& of(const std::array<T, n>& values) {
    return values[byte() % n];
  }
  std::size_t byte() {
    if (done()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string text(std::size_t length) {
    const std::string taken(rest_.substr(0, length));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

constexpr std::array counts = {"schema_version", "step", "seed", "samples_consumed", "optimizer_step"};
constexpr std::array texts = {"format", "mode", "modr_version", "weights_digest", "optimizer_digest"};
constexpr std::array objects = {"", "weights", "optimizer", "config", "guard",
                                "weights/transformer.wte.weight", "weights/a.lora_A", "weights/a.lora_B",
                                "weights/transformer.router.bias", "weights/\xff\n\"", "optimizer/exp_avg/a.lora_A"};
constexpr std::array attributes = {"trainable", "chunk_sums", "schema_version", "step", "seed", "format", "mode",
                                   "weights_digest"};
constexpr std::array<int64_t, 5> numbers = {1, 0, 2, -1, std::numeric_limits<int64_t>::max()};
constexpr std::array words = {"modr-checkpoint", "pretrain", "", "\xff\xfe",
                              "model: {branches: {lora_alpha: 4}}\n", "model: [", "model: {branches: {lora_alpha: x}}"};
constexpr std::array values = {0.25, 0.0, -1e300, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};

// What a checkpoint of schema 1 has, less what the input takes away.
void write_frame(H5File& file, Choices& choices) {
  const std::size_t missing = choices.byte();
  for (std::size_t i = 0; i < counts.size(); ++i)
    if ((missing >> i & 1) == 0) file.set_attribute_int("", counts[i], 1);
  file.set_attribute_string("", texts[0], words[0]);
  file.set_attribute_string("", texts[1], words[1]);
  file.set_attribute_string("", texts[2], "0.1.0");
  if ((missing >> 5 & 1) == 0) file.write_string("config", words[4]);
  if ((missing >> 6 & 1) == 0) file.create_group("weights");
  if ((missing >> 7 & 1) == 0) file.create_group("optimizer");
}

Shape shape_from(Choices& choices) {
  constexpr std::array<int64_t, 6> sizes = {2, 3, 1, 0, 17, 4};
  std::vector<int64_t> dims(choices.byte() % 5);
  for (int64_t& dim : dims) dim = choices.of(sizes);
  return Shape(dims);
}

void write_attribute(H5File& file, Choices& choices) {
  const std::string object = choices.of(objects), name = choices.of(attributes);
  switch (choices.byte() % 4) {
    case 0: return file.set_attribute_int(object, name, choices.of(numbers));
    case 1: return file.set_attribute_double(object, name, choices.of(values));
    case 2: return file.set_attribute_string(object, name, choices.of(words));
    default: {
      const std::vector<uint64_t> sums(1 + choices.byte() % 9, static_cast<uint64_t>(choices.of(numbers)));
      return file.set_attribute_uints(object, name, sums);
    }
  }
}

void write_piece(H5File& file, Choices& choices) {
  constexpr std::array dtypes = {DType::f32, DType::f64, DType::bf16};
  switch (choices.byte() % 6) {
    case 0: return write_attribute(file, choices);
    case 1: {
      const std::string object = choices.of(objects);
      file.write_tensor(object, Tensor::full(shape_from(choices), choices.of(dtypes), choices.of(values)));
      return file.set_attribute_int(object, "trainable", choices.of(numbers));
    }
    case 2: {
      const std::string object = choices.of(objects);
      const Shape shape = shape_from(choices);
      const std::vector<int64_t> ints(static_cast<std::size_t>(shape.numel()), choices.of(numbers));
      return file.write_ints(object, ints, shape);
    }
    case 3: return file.write_string(choices.of(objects), choices.of(words));
    case 4: {
      const std::string object = choices.of(objects);
      return file.write_string(object, choices.text(choices.byte()));
    }
    default: return file.create_group(std::string(choices.of(objects)) + "/" + choices.text(choices.byte() % 8));
  }
}

}  // namespace

std::string refusal(std::string_view data) {
  static const Scratch scratch;
  const auto path = scratch.remove("contents.h5");
  H5File file = H5File::create(path);
  Choices choices(data);
  write_frame(file, choices);
  while (!choices.done()) refusal_by([&] { write_piece(file, choices); });  // HDF5 refuses what stands there already
  // Right, so that a reader goes on behind it.
  refusal_by([&] { file.set_attribute_string("", "contents_digest", contents_digest(file).hex()); });
  if (!refusal_by([&] { file.close(); }).empty()) return "";
  return refusal_of_checkpoint(path);
}

}  // namespace modr::fuzz
