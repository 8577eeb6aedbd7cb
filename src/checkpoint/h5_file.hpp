#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dtype.hpp"
#include "base/error.hpp"
#include "base/shape.hpp"
#include "tensor/tensor.hpp"

namespace modr {

struct H5WriteState;

/// A path that leads to something else than was asked for: to nothing, a folder, or a file of another kind. (What is
/// wrong in a file of the right kind is damage, another Error.)
class WrongFile : public Error {
 public:
  using Error::Error;
};

/// Throws WrongFile unless this is an HDF5 file, by its signature.
void check_is_hdf5(const std::filesystem::path& path);

/// An open HDF5 file. Paths inside it separate groups with '/', and names may hold dots, as in
/// "weights/transformer.wte.weight"; "" and "/" are the root. Every failure throws Error naming the file and the
/// object. Sizes that the file claims are checked against its length before anything is allocated. Works with and
/// without MPI_Init. A file belongs to one thread at a time; threads may have different files.
class H5File {
 public:
  /// Opens an existing file for reading. Throws WrongFile as check_is_hdf5() does, and Error when it is damaged or cut
  /// short.
  static H5File open(const std::filesystem::path& path);
  /// Makes a new file, replacing one of that name. Everything in it is checksummed.
  static H5File create(const std::filesystem::path& path);

  H5File(H5File&& other) noexcept;
  H5File& operator=(H5File&& other) noexcept;
  ~H5File();
  /// Flushes and closes. Throws Error when that fails (a full disk). A new file that is destroyed without it is
  /// abandoned: nothing more is written to it.
  void close();
  const std::filesystem::path& path() const { return path_; }

  /// True when a group or dataset of this path exists.
  bool has(const std::string& object) const;
  bool is_dataset(const std::string& object) const;
  /// Names of the groups and datasets right below `group`, sorted. Soft and external links are not followed.
  std::vector<std::string> children(const std::string& group) const;
  /// Paths, relative to `group`, of all datasets below it, sorted.
  std::vector<std::string> datasets(const std::string& group) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  /// Names of all attributes of a group or dataset, sorted.
  std::vector<std::string> attribute_names(const std::string& object) const;
  /// Kind and value of any attribute as text, e.g. "int 7", "text modr" or "uint 1, 2": other values, another text.
  std::string attribute_text(const std::string& object, const std::string& name) const;
  /// A scalar attribute of integer type. Throws Error when it is missing or of another type, as do the next three.
  int64_t attribute_int(const std::string& object, const std::string& name) const;
  uint64_t attribute_uint(const std::string& object, const std::string& name) const;
  /// A scalar attribute of float or integer type.
  double attribute_double(const std::string& object, const std::string& name) const;
  /// A string of fixed or variable length, without padding.
  std::string attribute_string(const std::string& object, const std::string& name) const;
  /// A list of unsigned integers, which has `count` of them.
  std::vector<uint64_t> attribute_uints(const std::string& object, const std::string& name, std::size_t count) const;

  Shape dataset_shape(const std::string& dataset) const;
  /// The float type on file: "f32", "f64", "f16", "bf16", or "float<bits>"; for others "int<bits>", "uint<bits>",
  /// "string" or "other".
  std::string dataset_type(const std::string& dataset) const;
  /// A dataset of any float type, converted to `dtype`.
  Tensor read_tensor(const std::string& dataset, DType dtype) const;
  /// Reads a float dataset into `target`, converting to its dtype. Throws Error when the shapes differ.
  void read_into(const std::string& dataset, const Tensor& target) const { read_rows_into(dataset, target, 0, -1); }
  /// The same for the rows from `first_row` on of a dataset that has `num_rows` (-1: as many as the target).
  void read_rows_into(const std::string& dataset, const Tensor& target, int64_t first_row, int64_t num_rows) const;
  /// The offset in the file of each chunk of a dataset, in the order of ChunkGrid, when it is stored as write_tensor()
  /// stores values of this shape and type: each chunk is its values, zeros up to a whole one, and their fletcher32() as 4
  /// bytes, all within the file. Nothing when it is stored in another way.
  std::vector<uint64_t> chunk_places(const std::string& dataset, const Shape& shape, DType dtype) const;
  /// Of the open file, for reading at these places.
  int descriptor() const;
  /// A dataset of any integer type, row-major.
  std::vector<int64_t> read_ints(const std::string& dataset) const;
  /// A dataset that holds one string.
  std::string read_string(const std::string& dataset) const;

  /// Makes a group and those above it that are missing.
  void create_group(const std::string& group);
  /// Writes a new dataset of the tensor's dtype (chunked, with Fletcher-32 checksums) and the groups above it.
  void write_tensor(const std::string& dataset, const Tensor& tensor);
  /// Makes a dataset as write_tensor() does (at least one value), but only gives its chunks their places: returns the
  /// offset in the file of each, in the order of ChunkGrid. What belongs there, the values, zeros up to a whole chunk
  /// and their fletcher32() as 4 bytes (little-endian), has to be written by others.
  std::vector<uint64_t> reserve_tensor(const std::string& dataset, const Shape& shape, DType dtype);
  void write_ints(const std::string& dataset, std::span<const int64_t> values, const Shape& shape);
  void write_string(const std::string& dataset, std::string_view text);
  /// Set a new scalar attribute of a group or dataset.
  void set_attribute_int(const std::string& object, const std::string& name, int64_t value);
  void set_attribute_uint(const std::string& object, const std::string& name, uint64_t value);
  void set_attribute_double(const std::string& object, const std::string& name, double value);
  void set_attribute_string(const std::string& object, const std::string& name, std::string_view text);
  void set_attribute_uints(const std::string& object, const std::string& name, std::span<const uint64_t> values);

 private:
  explicit H5File(std::filesystem::path path);
  std::string where(const std::string& object) const;
  void check_written(bool done, const std::string& object) const;
  template <typename T>
  T read_number(const std::string& object, const std::string& name, int64_t memory_type, bool floats) const;
  int64_t make_dataset(const std::string& dataset, const Shape& shape, int64_t type);
  void write_dataset(const std::string& dataset, const Shape& shape, int64_t type, const void* values);
  void write_attribute(const std::string& object, const std::string& name, int64_t type, int64_t space,
                       const void* values);
  void write_scalar(const std::string& object, const std::string& name, int64_t type, const void* value);

  std::filesystem::path path_;
  int64_t id_ = -1;                   // hid_t; negative once closed
  uint64_t bytes_ = UINT64_MAX;       // length of a file that is read: no dataset may claim more
  std::unique_ptr<H5WriteState> writing_;  // of a file that is written
};

}  // namespace modr
