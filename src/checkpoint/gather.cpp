#include "checkpoint/gather.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "comm/agree.hpp"

namespace modr {

namespace {

constexpr int root = 0;

// What a rank is about to send, as text.
std::string manifest_of(const std::vector<TensorPart>& parts) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorPart& part : parts)
    list.push_back({part.name, std::string(name_of(part.tensor.dtype())), part.tensor.shape().dims(), part.first_row,
                    part.num_rows});
  return list.dump();
}

// The root's side: whole tensors, and where in them the next part belongs.
class Assembly {
 public:
  // The root's own tensors, where they are whole, need no copy.
  explicit Assembly(const std::vector<TensorPart>& mine) {
    for (const TensorPart& part : mine)
      if (part.is_whole()) {
        tensors_.emplace(part.name, part.tensor);
        missing_[part.name] = part.tensor.numel();
      }
  }

  // The place of the part that an entry of a manifest announces.
  Tensor place_of(const nlohmann::json& entry) {
    const Shape shape(entry[2].get<std::vector<int64_t>>());
    const auto first_row = entry[3].get<int64_t>(), num_rows = entry[4].get<int64_t>();
    const Shape whole = num_rows < 0 ? shape : shape.with(0, num_rows);
    const auto& name = entry[0].get_ref<const std::string&>();
    auto [found, added] = tensors_.try_emplace(name);
    if (added) found->second = Tensor::empty(whole, parse_dtype(entry[1].get<std::string>()));
    MODR_CHECK(found->second.shape() == whole, "{}: shape {} on one rank, {} on another", name, whole.to_string(),
               found->second.shape().to_string());
    missing_[name] += (added ? whole.numel() : 0) - shape.numel();
    return num_rows < 0 ? found->second : found->second.slice(0, first_row, first_row + shape[0]);
  }

  void check_complete() const {
    for (const auto& [name, values] : missing_)
      MODR_CHECK(values == 0, "{}: {} values are {}", name, std::abs(values),
                 values > 0 ? "missing: no rank answers for them" : "there twice");
  }

  std::vector<std::pair<std::string, Tensor>> take() { return {tensors_.begin(), tensors_.end()}; }

 private:
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, int64_t> missing_;  // values
};

std::span<std::byte> bytes_of(const Tensor& tensor) {
  return dispatch(tensor.dtype(), [&]<typename T>() { return std::as_writable_bytes(tensor.span<T>()); });
}

}  // namespace

std::vector<std::pair<std::string, Tensor>> gather_parts(const Communicator& comm,
                                                         const std::vector<TensorPart>& mine) {
  const std::vector<std::string> manifests = comm.gather(manifest_of(mine), root);
  Assembly assembly(comm.rank() == root ? mine : std::vector<TensorPart>());
  std::vector<std::pair<int, Tensor>> places;  // in the order in which each rank sends
  run_agreed(comm, [&] {
    for (int rank = 0; rank < static_cast<int>(manifests.size()); ++rank)
      for (const nlohmann::json& entry : nlohmann::json::parse(manifests[static_cast<std::size_t>(rank)]))
        places.emplace_back(rank, assembly.place_of(entry));
    assembly.check_complete();
  });
  if (comm.rank() != root) {
    for (const TensorPart& part : mine) comm.start_send(bytes_of(part.tensor.contiguous()), root, 0).wait();
    return {};
  }
  auto next_of_mine = mine.begin();
  for (const auto& [rank, place] : places) {
    if (rank != root) comm.start_receive(bytes_of(place), rank, 0).wait();
    else if (const TensorPart& part = *next_of_mine++; !part.is_whole()) place.copy_from(part.tensor);
  }
  return assembly.take();
}

}  // namespace modr
