#include "checkpoint/checkpoint_save.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/on_threads.hpp"
#include "checkpoint/checkpoint_attributes.hpp"
#include "checkpoint/chunk_grid.hpp"
#include "checkpoint/chunk_shares.hpp"
#include "checkpoint/chunk_writer.hpp"
#include "checkpoint/contents.hpp"
#include "checkpoint/digest.hpp"
#include "comm/agree.hpp"
#include "comm/comm_error.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {

namespace {

constexpr int root = 0;

void write_info(H5File& file, const CheckpointInfo& info) {
  file.set_attribute_string("", "format", "modr-checkpoint");
  file.set_attribute_int("", "schema_version", kCheckpointSchema);
  file.set_attribute_string("", "modr_version", MODR_VERSION);
  file.set_attribute_int("", "step", info.step);
  file.set_attribute_uint("", "seed", info.seed);
  file.set_attribute_int("", "samples_consumed", info.samples_consumed);
  file.set_attribute_int("", "optimizer_step", info.optimizer_step);
  file.set_attribute_string("", "mode", info.mode);
  file.set_attribute_string("", "tokenizer_digest", info.tokenizer_digest);
  file.set_attribute_string("", "rows_digest", info.rows_digest);
  file.write_string(kConfig, info.config);
  if (!info.guard.empty())
    file.write_tensor(kGuard, Tensor::from<double>(info.guard, {static_cast<int64_t>(info.guard.size())}, DType::f64));
}

bool is_weight(const std::string& dataset) { return dataset.starts_with(kWeights); }

}  // namespace

CheckpointSave::CheckpointSave(const Communicator& comm, std::filesystem::path path, const CheckpointInfo& info,
                               const std::vector<CheckpointTensor>& tensors, std::function<void()> when_named)
    : comm_(comm), path_(std::move(path)), info_(info), when_named_(std::move(when_named)) {
  share_datasets(tensors);
  run_agreed(comm_, [&] { tell([&] { take_shares(tensors); }); });
}

// Says of what goes wrong in `work` what it means.
void CheckpointSave::tell(const std::function<void()>& work) const {
  try {
    work();
  } catch (const CommError&) {
    throw;
  } catch (const Error& error) {
    fail("checkpoint of step {} was not saved: {}", info_.step, error.what());
  }
}

// All ranks learn what the file is to hold.
void CheckpointSave::share_datasets(const std::vector<CheckpointTensor>& tensors) {
  std::string manifest;
  run_agreed(comm_, [&] { tell([&] { manifest = manifest_of(tensors); }); });
  const std::vector<std::string> manifests = comm_.gather(manifest, root);
  std::string all;
  run_agreed(comm_, [&] {
    if (is_root()) tell([&] { all = datasets_text(merge_manifests(manifests)); });
  });
  comm_.broadcast(all, root);
  datasets_ = parse_datasets(all);
  first_chunk_ = {0};
  for (const CheckpointDataset& dataset : datasets_) {
    const int64_t chunks = ChunkGrid(dataset.shape, size_of(dataset.dtype)).count();
    first_chunk_.push_back(first_chunk_.back() + static_cast<std::size_t>(chunks));
  }
  places_.resize(first_chunk_.back());
  sums_.resize(first_chunk_.back());
}

// Of the chunks that this rank holds those that are its to write. The ranks that share some of them hold the same, so
// each finds out by itself what falls to it.
void CheckpointSave::take_shares(const std::vector<CheckpointTensor>& tensors) {
  std::vector<std::pair<Communicator, std::vector<Piece>>> groups;
  for (const CheckpointTensor& tensor : tensors) {
    auto group = std::ranges::find_if(groups, [&](const auto& known) { return known.first == tensor.holders; });
    if (group == groups.end()) group = groups.insert(group, {tensor.holders, {}});
    std::ranges::copy(pieces_of(tensor), std::back_inserter(group->second));
  }
  for (auto& [holders, pieces] : groups) {
    std::ranges::sort(pieces, {}, &Piece::number);  // whatever order each has its tensors in
    std::vector<std::size_t> bytes;
    for (const Piece& piece : pieces) bytes.push_back(piece.bytes);
    const std::vector<int> writers = deal_chunks(bytes, holders.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (writers[i] != holders.rank()) continue;
      pieces_.push_back(pieces[i]);
      share_bytes_ += pieces[i].bytes;
    }
  }
}

// The chunks of the rows that this rank has of a tensor; their values stay while the save is under way.
std::vector<CheckpointSave::Piece> CheckpointSave::pieces_of(const CheckpointTensor& tensor) {
  const auto found = std::ranges::lower_bound(datasets_, tensor.part.name, {}, &CheckpointDataset::name);
  MODR_CHECK(found != datasets_.end() && found->name == tensor.part.name, "{}: not in the file", tensor.part.name);
  const std::size_t first_number = first_chunk_[static_cast<std::size_t>(found - datasets_.begin())];
  const Tensor& values = sources_.emplace_back(tensor.part.tensor, tensor.constant).tensor;
  std::vector<Piece> pieces;
  if (values.numel() == 0) return pieces;  // a rank without a branch
  const ChunkGrid grid(found->shape, size_of(found->dtype));
  const auto value_bytes = static_cast<int64_t>(size_of(found->dtype));
  const int64_t begin = tensor.part.first_row * (found->shape.numel() / found->shape[0]), end = begin + values.numel();
  for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
    const Slice slice = grid.values(chunk);
    const bool is_here = slice.begin >= begin && slice.end <= end;
    MODR_CHECK(is_here || slice.end <= begin || slice.begin >= end, "{}: a chunk of rows on several ranks",
               found->name);
    if (!is_here) continue;
    pieces.push_back({found->dtype, first_number + static_cast<std::size_t>(chunk), sources_.size() - 1,
                      static_cast<std::size_t>((slice.begin - begin) * value_bytes),
                      static_cast<std::size_t>(slice.count() * value_bytes),
                      static_cast<std::size_t>(grid.chunk_values() * value_bytes), slice.begin});
  }
  return pieces;
}

std::size_t CheckpointSave::total_bytes() const {
  std::size_t bytes = 0;
  for (const CheckpointDataset& dataset : datasets_)
    bytes += static_cast<std::size_t>(dataset.shape.numel()) * size_of(dataset.dtype);
  return bytes;
}

void CheckpointSave::copy_values(CheckpointBuffer& buffer) {
  std::vector<Piece*> changing;
  std::size_t bytes = 0;
  for (Piece& piece : pieces_) {
    if (sources_[piece.source].constant) continue;
    changing.push_back(&piece);
    bytes += piece.bytes;
  }
  if (buffer.size < bytes) {
    buffer.bytes.reset();  // first, so that they are not there both
    buffer.bytes = std::make_unique_for_overwrite<std::byte[]>(bytes);
    buffer.size = bytes;
  }
  for (Source& source : sources_)
    if (!source.constant) source.tensor = source.tensor.contiguous();
  std::vector<std::byte*> places;
  for (std::byte* next = buffer.bytes.get(); const Piece* piece : changing)
    places.push_back(std::exchange(next, next + piece->bytes));
  constexpr int kCopiers = 4;  // training waits for them
  on_threads(kCopiers, std::ssize(changing), [&](int64_t i) {
    Piece& piece = *changing[static_cast<std::size_t>(i)];
    std::byte* const place = places[static_cast<std::size_t>(i)];
    sources_[piece.source].tensor.copy_bytes_to_host(piece.place, {place, piece.bytes});
    piece.copy = place;
  });
  for (Source& source : sources_)
    if (!source.constant) source.tensor = {};
}

void CheckpointSave::work() noexcept {
  try {
    tell([&] {
      switch (phase_) {
        case Phase::place: if (is_root()) make_file(); break;
        case Phase::write: if (!pieces_.empty()) write_pieces(); break;
        case Phase::seal: if (is_root()) seal(); break;
        case Phase::done: break;
      }
    });
  } catch (const std::exception& error) {
    try {
      failure_ = error.what();
    } catch (...) {
      failure_ = "?";  // out of memory even for the reason
    }
  }
}

bool CheckpointSave::advance() {
  agree_ok(comm_, failure_);
  switch (phase_) {
    case Phase::place: comm_.broadcast(std::span(places_), root); break;
    case Phase::write: tell([&] { add_up(); }); break;
    case Phase::seal:
    case Phase::done: break;
  }
  phase_ = phase_ == Phase::place ? Phase::write : phase_ == Phase::write ? Phase::seal : Phase::done;
  return phase_ == Phase::done;
}

void CheckpointSave::run() {
  do work();
  while (!advance());
}

void CheckpointSave::make_file() {
  durable_ = std::make_unique<DurableFile>(path_);
  file_ = std::make_unique<H5File>(H5File::create(durable_->temporary()));
  write_info(*file_, info_);
  file_->create_group("weights");
  auto next = places_.begin();
  for (const CheckpointDataset& dataset : datasets_) {
    next = std::ranges::copy(file_->reserve_tensor(dataset.name, dataset.shape, dataset.dtype), next).out;
    if (is_weight(dataset.name)) file_->set_attribute_int(dataset.name, "trainable", dataset.trainable ? 1 : 0);
  }
}

// Pieces one after another up to the first of another tensor, where either has to be brought into rows: such tensors
// are large, and not there at once.
std::size_t CheckpointSave::end_of_run(std::size_t begin) const {
  const auto is_in_rows = [&](const Piece& piece) {
    return piece.copy != nullptr || sources_[piece.source].tensor.is_contiguous();
  };
  std::size_t end = begin + 1;
  while (end < pieces_.size() &&
         (pieces_[end].source == pieces_[begin].source || (is_in_rows(pieces_[begin]) && is_in_rows(pieces_[end]))))
    ++end;
  return end;
}

// A piece's values where they lie, or, of another device, a copy in `room`.
const std::byte* CheckpointSave::bytes_on_host(const Tensor& rows, const Piece& piece, std::vector<std::byte>& room) {
  if (rows.device().is_cpu()) return bytes_of(rows).data() + piece.place;
  room.resize(piece.bytes);
  rows.copy_bytes_to_host(piece.place, room);
  return room.data();
}

void CheckpointSave::write_pieces() {
  ChunkWriter writer(DurableFile::temporary_of(path_), path_);
  constexpr int kWriters = 2;  // one sums while the other's values go to the system, which takes one write at a time
  for (std::size_t begin = 0, end = 0; begin < pieces_.size(); begin = end) {
    end = end_of_run(begin);
    const Tensor& first = sources_[pieces_[begin].source].tensor;
    const Tensor rows = first.defined() && !first.is_contiguous() ? first.clone() : Tensor();
    on_threads(kWriters, static_cast<int64_t>(end - begin), [&](int64_t i) {
      const Piece& piece = pieces_[begin + static_cast<std::size_t>(i)];
      const Tensor& source = rows.defined() ? rows : sources_[piece.source].tensor;
      std::vector<std::byte> room;
      write_piece(writer, piece, piece.copy != nullptr ? piece.copy : bytes_on_host(source, piece, room));
    });
  }
  writer.flush();
}

void CheckpointSave::write_piece(ChunkWriter& writer, const Piece& piece, const std::byte* values) {
  const std::span<const std::byte> all(values, piece.bytes);
  const ValueSums sums = sums_of(piece.dtype, all, piece.first);
  Sums& learned = sums_[piece.number];
  for (std::size_t lane = 0; lane < 2; ++lane) learned.lanes[lane] = static_cast<int64_t>(sums.lanes[lane]);
  learned.writers = 1;
  learned.not_finite = count_not_finite(piece.dtype, all);
  writer.write(places_[piece.number], all, piece.padded_bytes);
}

// Every chunk was written, once, and holds numbers: all ranks see the same.
void CheckpointSave::add_up() {
  comm_.all_reduce(std::span(reinterpret_cast<int64_t*>(sums_.data()), sums_.size() * sizeof(Sums) / sizeof(int64_t)));
  for (std::size_t i = 0; i < datasets_.size(); ++i) {
    int64_t not_finite = 0;
    for (std::size_t chunk = first_chunk_[i]; chunk < first_chunk_[i + 1]; ++chunk) {
      MODR_CHECK(sums_[chunk].writers == 1, "{}: {} ranks wrote chunk {}", datasets_[i].name, sums_[chunk].writers,
                 chunk - first_chunk_[i]);
      not_finite += sums_[chunk].not_finite;
    }
    if (not_finite > 0)
      fail("{}: {} of {} values are not finite", datasets_[i].name, not_finite, datasets_[i].shape.numel());
  }
}

void CheckpointSave::seal() {
  Digest weights, optimizer;
  for (std::size_t i = 0; i < datasets_.size(); ++i) {
    const CheckpointDataset& dataset = datasets_[i];
    ValueSums all;
    std::vector<uint64_t> of_chunks;
    for (std::size_t chunk = first_chunk_[i]; chunk < first_chunk_[i + 1]; ++chunk) {
      const ValueSums sums{{static_cast<uint64_t>(sums_[chunk].lanes[0]), static_cast<uint64_t>(sums_[chunk].lanes[1])}};
      of_chunks.insert(of_chunks.end(), sums.lanes.begin(), sums.lanes.end());
      all += sums;
    }
    file_->set_attribute_uints(dataset.name, kChunkSums, of_chunks);
    (is_weight(dataset.name) ? weights : optimizer) +=
        digest_of(dataset.name, name_of(dataset.dtype), dataset.shape, all);
  }
  file_->set_attribute_string("", kWeightsDigest, weights.hex());
  file_->set_attribute_string("", kOptimizerDigest, optimizer.hex());
  file_->set_attribute_string("", kContentsDigest, contents_digest(*file_).hex());
  file_->close();
  durable_->commit();
  if (when_named_) when_named_();
}

void save_checkpoint(const std::filesystem::path& path, const CheckpointInfo& info,
                     const std::vector<CheckpointWeight>& weights, const OptimizerTensors& optimizer) {
  std::vector<CheckpointTensor> tensors;
  for (const CheckpointWeight& weight : weights)
    tensors.push_back({{std::string(kWeights) + weight.name, weight.tensor}, weight.trainable});
  for (const auto& [name, tensor] : optimizer) tensors.push_back({{std::string(kOptimizer) + name, tensor}});
  CheckpointSave(Communicator::self(), path, info, tensors).run();
}

}  // namespace modr
