#pragma once
// How a checkpoint comes to be: all ranks write one HDF5 file at once, each its own chunks, and no rank ever has the
// whole model. The root makes the file with all that HDF5 keeps about the datasets, whose chunks only get their places
// (H5File::reserve_tensor). Every rank then writes its chunks there by itself. Neither MPI nor HDF5 has a part in that:
// so it may go on beside training, a disk that is full on one rank leaves no other waiting in a collective write, and
// HDF5 may be built with or without MPI.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/durable_file.hpp"
#include "checkpoint/manifest.hpp"
#include "comm/communicator.hpp"

namespace modr {

class ChunkWriter;

/// Memory for the copy of a rank's share, to be kept from one save to the next: fresh memory costs as much as the copy.
struct CheckpointBuffer {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
};

/// One save. Its work is done in turns of every rank by itself, in work(), and all together, in advance(), until
/// advance() says that all is done:
///   place   the root makes the file          then all learn the places
///   write   every rank writes its chunks     then what was learned about them is added up
///   seal    the root adds the digests, brings all to the disk and gives the file its name
/// Before that the file has another name, and nothing is left of it when the save is given up.
class CheckpointSave {
 public:
  /// Collective. Every rank gives what it holds; over all ranks these are all rows of all tensors. The tensors must not
  /// change until the save is done, unless copy_values() comes in between. `when_named` runs on the root once the file
  /// has its name, as the last part of the save. Throws Error on all ranks, "checkpoint of step 7 was not saved: ...".
  CheckpointSave(const Communicator& comm, std::filesystem::path path, const CheckpointInfo& info,
                 const std::vector<CheckpointTensor>& tensors, std::function<void()> when_named = {});

  /// Copies what may change of this rank's share to `buffer`, which has to stay until the save is done.
  void copy_values(CheckpointBuffer& buffer);
  /// This rank's part of what is next. Not collective; may run on a thread of its own. What goes wrong is told by
  /// advance().
  void work() noexcept;
  /// Collective, after work() on every rank. Returns whether the save is done; if not, work() is next. Throws Error on
  /// all ranks, as the constructor does, when a rank could not do its part or a value is not finite; files that were
  /// there before are then as they were.
  bool advance();
  /// All of it, in this thread. Collective.
  void run();

  /// Bytes of this rank's share.
  std::size_t share_bytes() const { return share_bytes_; }
  /// Bytes of all tensors.
  std::size_t total_bytes() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  enum class Phase { place, write, seal, done };
  // A chunk that this rank holds, or is to write.
  struct Piece {
    DType dtype;
    std::size_t number;  // among all chunks of the file
    std::size_t source;  // that its values are of, and the place of the first there, in bytes of its rows
    std::size_t place;
    std::size_t bytes, padded_bytes;
    int64_t first;  // index of the first value
    const std::byte* copy = nullptr;
  };
  // A tensor that pieces are of.
  struct Source {
    Tensor tensor;
    bool constant;
  };
  // What is learned about each chunk: by who writes it, and then, after adding up, by all.
  struct Sums {
    int64_t lanes[2] = {0, 0}, writers = 0, not_finite = 0;
  };

  bool is_root() const { return comm_.rank() == 0; }
  void share_datasets(const std::vector<CheckpointTensor>& tensors);
  void take_shares(const std::vector<CheckpointTensor>& tensors);
  std::vector<Piece> pieces_of(const CheckpointTensor& tensor);
  void make_file();
  static const std::byte* bytes_on_host(const Tensor& rows, const Piece& piece, std::vector<std::byte>& room);
  void write_pieces();
  void write_piece(ChunkWriter& writer, const Piece& piece, const std::byte* values);
  std::size_t end_of_run(std::size_t begin) const;
  void add_up();
  void seal();
  void tell(const std::function<void()>& work) const;

  Communicator comm_;
  std::filesystem::path path_;
  CheckpointInfo info_;
  std::function<void()> when_named_;
  Phase phase_ = Phase::place;
  std::string failure_;                      // of work()
  std::vector<CheckpointDataset> datasets_;  // all of the file, by name
  std::vector<std::size_t> first_chunk_;     // of each of them, and one behind the last
  std::vector<Source> sources_;
  std::vector<Piece> pieces_;
  std::size_t share_bytes_ = 0;
  std::vector<uint64_t> places_;  // of all chunks
  std::vector<Sums> sums_;        // of all chunks
  std::unique_ptr<DurableFile> durable_;  // on the root, as is the next
  std::unique_ptr<H5File> file_;
};

}  // namespace modr
