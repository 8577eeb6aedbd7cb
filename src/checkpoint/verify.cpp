#include "checkpoint/verify.hpp"

#include <optional>

#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_attributes.hpp"
#include "checkpoint/digest.hpp"

namespace modr {

namespace {

// Runs a piece of the work and turns its Error into a problem, if it is one of the file.
template <typename Work>
void note_problem(CheckpointVerification& result, const Work& work) {
  try {
    work();
  } catch (const WrongFile&) {
    throw;
  } catch (const Error& error) {
    result.problems.emplace_back(error.what());
  }
}

template <typename Read>
std::string digest_tensors(CheckpointVerification& result, const std::vector<std::string>& names, const char* group,
                           const Read& read) {
  Digest digest;
  for (const std::string& name : names)
    note_problem(result, [&] {
      const Tensor values = read(name);
      digest += digest_of(group + name, name_of(values.dtype()), values);
      result.num_tensors += 1;
      result.value_bytes += static_cast<int64_t>(values.bytes());
    });
  return digest.hex();
}

void compare(CheckpointVerification& result, const CheckpointReader& reader, const char* what,
             const std::optional<std::string>& stored, const std::string& found) {
  if (stored && *stored != found)
    result.problems.push_back(fmt::format("{}: damaged: the digest of the {} is {}, but {} was saved",
                                          reader.path().string(), what, found, *stored));
}

}  // namespace

CheckpointVerification verify_checkpoint(const std::filesystem::path& path) {
  CheckpointVerification result;
  note_problem(result, [&] {
    const CheckpointReader reader(path, CheckpointReader::Contents::not_checked);
    note_problem(result, [&] { reader.check_contents(); });
    result.has_contents_digest = reader.contents_digest().has_value();
    result.schema = reader.schema();
    result.weights_digest = digest_tensors(result, reader.weight_names(), kWeights, [&](const std::string& name) {
      reader.is_trainable(name);
      return reader.read_weight_as_stored(name);
    });
    result.optimizer_digest =
        digest_tensors(result, reader.optimizer_names(), kOptimizer,
                       [&](const std::string& name) { return reader.read_optimizer_tensor(name); });
    result.has_digests = reader.weights_digest() && reader.optimizer_digest();
    if (result.schema >= 2 && !result.has_digests) fail("{}: damaged: has no digests of its tensors", path.string());
    compare(result, reader, "weights", reader.weights_digest(), result.weights_digest);
    compare(result, reader, "optimizer's state", reader.optimizer_digest(), result.optimizer_digest);
  });
  return result;
}

}  // namespace modr
