// Reference files come from Python, and these edits are none that the program itself ever makes: they talk to HDF5
// directly.
#include "support/h5_edit.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace modr::testing {

namespace {

// An id of HDF5's, or a negative status, that must be good.
template <typename Result>
Result checked(Result result, const std::string& what) {
  if (result < 0) throw std::runtime_error(what);
  return result;
}

// A file that is open for change, and one dataset of it.
class Editor {
 public:
  explicit Editor(const std::filesystem::path& path)
      : file_(checked(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "cannot open " + path.string())) {}
  Editor(const std::filesystem::path& path, const std::string& dataset) : Editor(path) {
    dataset_ = checked(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), "no dataset " + dataset);
    const hid_t type = H5Dget_type(dataset_), space = H5Dget_space(dataset_);
    integers_ = H5Tget_class(type) == H5T_INTEGER;
    text_ = H5Tget_class(type) == H5T_STRING;
    count_ = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
    H5Tclose(type);
    H5Sclose(space);
  }
  ~Editor() {
    if (dataset_ >= 0) H5Dclose(dataset_);
    H5Fclose(file_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  hid_t file() const { return file_; }
  hid_t dataset() const { return dataset_; }
  bool integers() const { return integers_; }
  bool text() const { return text_; }

  template <typename T>
  std::vector<T> read() const {
    std::vector<T> values(count_);
    checked(H5Dread(dataset_, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "cannot read");
    return values;
  }
  template <typename T>
  void write(const std::vector<T>& values) const {
    checked(H5Dwrite(dataset_, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "cannot write");
  }

 private:
  template <typename T>
  static hid_t memory_type() {
    return std::is_integral_v<T> ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
  }

  hid_t file_, dataset_ = -1;
  bool integers_ = false, text_ = false;
  std::size_t count_ = 0;
};

// What an attribute or a dataset holds, as it is stored.
struct Stored {
  Stored(hid_t of_type, hid_t of_space)
      : type(of_type), space(of_space),
        bytes(H5Tget_size(type) * static_cast<std::size_t>(H5Sget_simple_extent_npoints(space))) {}
  ~Stored() {
    H5Tclose(type);
    H5Sclose(space);
  }
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;
  void flip_first_bit() { bytes.at(0) = static_cast<char>(bytes.at(0) ^ 1); }

  hid_t type, space;
  std::vector<char> bytes;
};

void write_attribute(hid_t file, const std::string& object, const std::string& name, const Stored& value) {
  const hid_t id = checked(H5Acreate_by_name(file, object.c_str(), name.c_str(), value.type, value.space, H5P_DEFAULT,
                                             H5P_DEFAULT, H5P_DEFAULT),
                           "cannot make " + name);
  const herr_t written = H5Awrite(id, value.type, value.bytes.data());
  H5Aclose(id);
  checked(written, "cannot write " + name);
}

void remove_attribute(hid_t file, const std::string& object, const std::string& name) {
  checked(H5Adelete_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT), "cannot remove " + name);
}

}  // namespace

void remove_dataset(const std::filesystem::path& file, const std::string& dataset) {
  const Editor editor(file);
  checked(H5Ldelete(editor.file(), dataset.c_str(), H5P_DEFAULT), "cannot remove " + dataset);
}

void rename_dataset(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  const Editor editor(file);
  checked(H5Lmove(editor.file(), from.c_str(), editor.file(), to.c_str(), H5P_DEFAULT, H5P_DEFAULT),
          "cannot rename " + from);
}

void change_dataset(const std::filesystem::path& file, const std::string& dataset) {
  const Editor editor(file, dataset);
  if (editor.text()) {
    const hid_t id = editor.dataset();
    Stored stored(H5Dget_type(id), H5Dget_space(id));
    checked(H5Dread(id, stored.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, stored.bytes.data()), "cannot read");
    stored.flip_first_bit();
    checked(H5Dwrite(id, stored.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, stored.bytes.data()), "cannot write");
    return;
  }
  if (editor.integers()) {
    std::vector<int64_t> values = editor.read<int64_t>();
    values.at(0) += values[0] > 0 ? -1 : 1;  // an id stays one
    return editor.write(values);
  }
  std::vector<double> values = editor.read<double>();
  double largest = 0;
  for (double& value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    value *= 1.02;
  }
  if (largest == 0) values.at(0) = 0.5;
  editor.write(values);
}

void put_nan(const std::filesystem::path& file, const std::string& dataset) {
  const Editor editor(file, dataset);
  std::vector<double> values = editor.read<double>();
  const auto number = std::ranges::find_if(values, [](double value) { return !std::isnan(value); });
  if (editor.integers() || number == values.end()) throw std::runtime_error("no float in " + dataset);
  *number = std::numeric_limits<double>::quiet_NaN();
  editor.write(values);
}

// By making it anew: HDF5 1.10 cannot write to one of many.
void change_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name) {
  const Editor editor(file);
  const hid_t id = checked(H5Aopen_by_name(editor.file(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                           "no attribute " + name);
  Stored stored(H5Aget_type(id), H5Aget_space(id));
  checked(H5Aread(id, stored.type, stored.bytes.data()), "cannot read " + name);
  H5Aclose(id);
  stored.flip_first_bit();
  remove_attribute(editor.file(), object, name);
  write_attribute(editor.file(), object, name, stored);
}

void remove_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name) {
  remove_attribute(Editor(file).file(), object, name);
}

void add_attribute(const std::filesystem::path& file, const std::string& object, const std::string& name) {
  write_attribute(Editor(file).file(), object, name, Stored(H5Tcopy(H5T_STD_I64LE), H5Screate(H5S_SCALAR)));
}

}  // namespace modr::testing
