#include "checkpoint/h5_file.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "checkpoint/chunk_grid.hpp"
#include "support/expect_error.hpp"
#include "support/file_size_limit.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

const fs::path kForeign = fs::path(MODR_SOURCE_DIR) / "tests/unit/checkpoint/foreign_types.h5";  // made by h5py

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

using testing::random_tensor;

TEST(H5File, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const Tensor large = random_tensor({3, 700, 257}, DType::f32);  // several chunks
  const Tensor precise = random_tensor({5}, DType::f64);
  const std::vector<int64_t> ids{INT64_MIN, -1, 0, INT64_MAX};
  {
    H5File file = H5File::create(folder.path() / "a.h5");
    file.write_tensor("weights/transformer.wte.weight", large);
    file.write_tensor("weights/transposed", large.transpose(0, 2));
    file.write_tensor("scalar", Tensor::scalar(2.5, DType::f64));
    file.write_tensor("empty", Tensor::zeros({0, 3}, DType::f32));
    file.write_tensor("precise", precise);
    file.write_ints("ids", ids, {2, 2});
    file.write_string("text", "zwei\nZeilen: ä");
    file.write_string("no_text", "");
    file.set_attribute_int("", "int", -5);
    file.set_attribute_uint("/", "uint", UINT64_MAX);
    file.set_attribute_double("weights", "double", 0.1);
    file.set_attribute_string("weights/transformer.wte.weight", "string", "x");
    file.set_attribute_uints("weights/transformer.wte.weight", "list", std::vector<uint64_t>{3, UINT64_MAX});
    file.close();
  }
  const H5File file = H5File::open(folder.path() / "a.h5");
  EXPECT_EQ(file.read_tensor("weights/transformer.wte.weight", DType::f32).to_vector(), large.to_vector());
  EXPECT_EQ(file.read_tensor("weights/transposed", DType::f64).to_vector(), large.transpose(0, 2).to_vector());
  EXPECT_EQ(file.read_tensor("/precise", DType::f64).to_vector(), precise.to_vector());
  EXPECT_EQ(file.read_tensor("scalar", DType::f32).item(), 2.5);
  EXPECT_EQ(file.dataset_shape("empty"), Shape({0, 3}));
  EXPECT_EQ(file.read_ints("ids"), ids);
  EXPECT_EQ(file.read_string("text"), "zwei\nZeilen: ä");
  EXPECT_EQ(file.read_string("no_text"), "");
  EXPECT_EQ(file.attribute_int("/", "int"), -5);
  EXPECT_EQ(file.attribute_uint("", "uint"), UINT64_MAX);
  EXPECT_EQ(file.attribute_double("weights", "double"), 0.1);
  EXPECT_EQ(file.attribute_double("", "int"), -5.0);
  EXPECT_EQ(file.attribute_string("weights/transformer.wte.weight", "string"), "x");
  EXPECT_EQ(file.attribute_names(""), (std::vector<std::string>{"int", "uint"}));
  EXPECT_EQ(file.attribute_names("weights/transformer.wte.weight"), (std::vector<std::string>{"list", "string"}));
  EXPECT_TRUE(file.attribute_names("text").empty());
  EXPECT_EQ(file.attribute_text("", "int"), "int -5");
  EXPECT_EQ(file.attribute_text("/", "uint"), "uint 18446744073709551615");
  EXPECT_EQ(file.attribute_text("weights", "double"), "float 0.1");
  EXPECT_EQ(file.attribute_text("weights/transformer.wte.weight", "string"), "text x");
  EXPECT_EQ(file.attribute_text("weights/transformer.wte.weight", "list"), "uint 3, 18446744073709551615");
  EXPECT_EQ(file.children("weights"), (std::vector<std::string>{"transformer.wte.weight", "transposed"}));
  EXPECT_EQ(file.datasets("").size(), 8U);
  EXPECT_TRUE(file.has("weights") && file.has("") && file.is_dataset("weights/transposed"));
  EXPECT_FALSE(file.has("weights/none") || file.has("none/none") || file.is_dataset("weights"));
  EXPECT_FALSE(file.has_attribute("", "none") || file.has_attribute("none", "int"));
}

TEST(H5File, KeepsBfloat16AsA16BitFloat) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.h5", out = folder.path() / "out";
  const std::vector<double> numbers{1.5, -0.0030059814453125, 49152, 0, 3.3895313892515355e38};  // and the largest
  const Tensor values = Tensor::from<double>(numbers, {5}, DType::bf16);
  {
    H5File file = H5File::create(path);
    file.write_tensor("w", values);
    file.close();
  }
  const H5File file = H5File::open(path);
  EXPECT_EQ(file.dataset_type("w"), "bf16");
  EXPECT_EQ(file.read_tensor("w", DType::bf16).to_vector(), values.to_vector());
  EXPECT_EQ(file.read_tensor("w", DType::f64).to_vector(), values.to_vector());
  if (std::system("command -v h5dump >/dev/null") != 0) GTEST_SKIP() << "h5dump is not installed";
  ASSERT_EQ(std::system(fmt::format("h5dump -d /w {} > {} 2>&1", path.string(), out.string()).c_str()), 0);
  const std::string text = read_bytes(out);
  // HDF5 1.14's h5dump shows all floats of 16 bits as halves, the largest as inf.
  for (const char* part : {"16-bit little-endian floating-point", "1.5, -0.00300598, 49152, 0, "})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in:\n" << text;
}

TEST(H5File, GivesEqualFilesForEqualContents) {
  const TemporaryFolder folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    H5File file = H5File::create(folder.path() / name);
    file.write_tensor("w", random_tensor({1001, 301}, DType::f32));  // the last chunk is cut by the edge
    file.close();
    random_tensor({1 << 16}, DType::f64);  // other values in the memory that is used next
  }
  EXPECT_EQ(read_bytes(folder.path() / "a.h5"), read_bytes(folder.path() / "b.h5"));
}

TEST(H5File, SaysWhereChunksAre) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.h5";
  const Tensor values = random_tensor({2000, 300}, DType::f32);
  {
    H5File file = H5File::create(path);
    file.write_tensor("w", values);
    file.write_tensor("scalar", Tensor::scalar(2.5, DType::f64));
    file.write_ints("ids", std::vector<int64_t>{1, 2}, {2});
    file.close();
  }
  const H5File file = H5File::open(path);
  const std::vector<uint64_t> places = file.chunk_places("w", values.shape(), DType::f32);
  const ChunkGrid grid(values.shape(), sizeof(float));
  ASSERT_EQ(std::ssize(places), grid.count());
  const std::string bytes = read_bytes(path);
  for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
    const Slice slice = grid.values(chunk);
    const std::string_view expected(reinterpret_cast<const char*>(values.data<float>() + slice.begin),
                                    static_cast<std::size_t>(slice.count()) * sizeof(float));
    EXPECT_EQ(bytes.substr(places[static_cast<std::size_t>(chunk)], expected.size()), expected) << "chunk " << chunk;
  }
  EXPECT_TRUE(file.chunk_places("w", {300, 2000}, DType::f32).empty()) << "another shape";
  EXPECT_TRUE(file.chunk_places("w", values.shape(), DType::f64).empty()) << "another type";
  EXPECT_TRUE(file.chunk_places("scalar", {}, DType::f64).empty());
  EXPECT_TRUE(file.chunk_places("ids", {2}, DType::f64).empty());
  const H5File foreign = H5File::open(kForeign);
  EXPECT_TRUE(foreign.chunk_places("floats/f64", {2}, DType::f64).empty()) << "in one piece";
  EXPECT_TRUE(foreign.chunk_places("floats/deflated", {64, 1024}, DType::f32).empty()) << "compressed";
  EXPECT_TRUE(foreign.chunk_places("floats/big_endian", {2}, DType::f32).empty());
}

TEST(H5File, ClosesCleanlyWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const Tensor values = random_tensor({1000, 100}, DType::f32);  // before: Clang's OpenMP needs files to start
  for (const std::size_t bytes : {100U, 5'000U, 100'000U, 400'500U}) {  // before, in and after the values
    const FileSizeLimit full(bytes);
    H5File file = H5File::create(folder.path() / "a.h5");
    expect_error(
        [&] {
          file.write_tensor("weights/w", values);
          file.close();
        },
        {"a.h5", "cannot be written: File too large"});
  }
}

TEST(H5File, ReadsIntoATensorOfTheSameShapeOnly) {
  const TemporaryFolder folder;
  const Tensor values = random_tensor({4, 6}, DType::f32);
  H5File file = H5File::create(folder.path() / "a.h5");
  file.write_tensor("w", values);
  const Tensor same = Tensor::zeros({4, 6}, DType::f64);
  file.read_into("w", same);
  EXPECT_EQ(same.to_vector(), values.to_vector());
  const Tensor strided = Tensor::zeros({6, 4}, DType::f32).transpose(0, 1);
  file.read_into("w", strided);
  EXPECT_EQ(strided.to_vector(), values.to_vector());
  expect_error([&] { file.read_into("w", Tensor::zeros({6, 4}, DType::f32)); },
               {"a.h5: w: found shape [4, 6], expected [6, 4]"});
}

TEST(H5File, ReadsWhatH5pyWrote) {
  const H5File file = H5File::open(kForeign);
  EXPECT_EQ(file.attribute_string("", "variable"), "länge");
  EXPECT_EQ(file.attribute_string("", "fixed"), "fixed");
  EXPECT_EQ(file.attribute_int("", "small"), -7);
  EXPECT_EQ(file.attribute_uint("", "large"), UINT64_MAX);
  EXPECT_EQ(file.attribute_double("", "half"), 0.5);
  for (const char* name : {"ints/int8", "ints/int32", "ints/int64"})
    EXPECT_EQ(file.read_ints(name), (std::vector<int64_t>{-1, 2, 3, -128})) << name;
  EXPECT_EQ(file.read_tensor("floats/f16", DType::f32).to_vector(), (std::vector<double>{1.5, -2.0, 65504.0}));
  EXPECT_EQ(file.read_tensor("floats/bf16", DType::f32).to_vector()[1], -0.15625);
  EXPECT_EQ(file.read_tensor("floats/f64", DType::f32).to_vector()[1], static_cast<double>(1.0F / 3.0F));
  EXPECT_EQ(file.read_tensor("floats/big_endian", DType::f64).to_vector(), (std::vector<double>{1.0, 2.5}));
  EXPECT_EQ(file.read_tensor("floats/deflated", DType::f32).numel(), 65536);
  EXPECT_EQ(file.read_tensor("floats/empty", DType::f32).shape(), Shape({0, 5}));
  EXPECT_EQ(file.read_string("text/variable"), "hello");
  EXPECT_EQ(file.dataset_type("floats/bf16"), "bf16");
  EXPECT_EQ(file.dataset_type("floats/f16"), "f16");
  EXPECT_EQ(file.dataset_type("ints/int8"), "int8");
  EXPECT_EQ(file.dataset_type("text/variable"), "string");
  EXPECT_EQ(file.children(""), (std::vector<std::string>{"bad", "floats", "ints", "text"}));  // no soft links
  EXPECT_EQ(file.datasets("floats").front(), "bf16");  // the hard link to an ancestor does not loop
}

TEST(H5File, NamesTheObjectThatIsWrong) {
  const H5File file = H5File::open(kForeign);
  expect_error([&] { file.read_tensor("none", DType::f32); }, {"foreign_types.h5: none: no such dataset"});
  expect_error([&] { file.read_tensor("ints", DType::f32); }, {"foreign_types.h5: ints: no such dataset"});
  expect_error([&] { file.read_tensor("ints/int8", DType::f32); }, {"ints/int8", "not a dataset of floating-point"});
  expect_error([&] { file.read_ints("floats/f64"); }, {"floats/f64", "not a dataset of integers"});
  expect_error([&] { file.read_string("floats/bf16"); }, {"floats/bf16", "expected one string"});
  expect_error([&] { file.read_string("text/several"); }, {"text/several", "[2]", "expected one string"});
  expect_error([&] { file.attribute_int("", "none"); }, {"foreign_types.h5: no attribute 'none'"});
  expect_error([&] { file.attribute_int("", "half"); }, {"'half' is not an integer"});
  expect_error([&] { file.attribute_double("", "fixed"); }, {"'fixed' is not a number"});
  expect_error([&] { file.attribute_string("", "small"); }, {"'small' is not a string"});
  expect_error([&] { file.attribute_int("", "several"); }, {"attribute 'several' holds", "values, expected 1"});
  expect_error([&] { file.children("none"); }, {"none: no such group"});
  expect_error([&] { file.children("floats/f64"); }, {"a dataset, expected a group"});
}

TEST(H5File, AllocatesNothingForSizesThatAFileOnlyClaims) {
  const H5File file = H5File::open(kForeign);
  const std::size_t before = allocator_stats().peak;
  expect_error([&] { file.read_tensor("bad/huge", DType::f32); },
               {"bad/huge", "claims shape [1099511627776, 1048576], more than the file holds"});
  expect_error([&] { file.dataset_shape("bad/huge"); }, {"bad/huge"});
  expect_error([&] { file.read_tensor("bad/no_space", DType::f32); }, {"bad/no_space", "no shape"});
  EXPECT_EQ(allocator_stats().peak, before);
}

TEST(H5File, RefusesWhatIsNoWholeHdf5File) {
  const TemporaryFolder folder;
  expect_error([&] { H5File::open(folder.path() / "none.h5"); }, {"none.h5: no such file"});
  expect_error([&] { H5File::open(folder.path()); }, {"a folder, expected a file"});
  expect_error([&] { H5File::open(folder.write("text.h5", "hello")); }, {"text.h5: not an HDF5 file"});
  expect_error([&] { H5File::open(folder.write("empty.h5", "")); }, {"empty.h5: not an HDF5 file"});
  const std::string whole = read_bytes(kForeign);
  for (const std::size_t length : {std::size_t{9}, std::size_t{48}, whole.size() / 2, whole.size() - 1})
    expect_error([&] { H5File::open(folder.write("cut.h5", whole.substr(0, length))); }, {"cut.h5: "});
  expect_error([&] { H5File::create(folder.path() / "no" / "folder.h5"); }, {"folder.h5: cannot be written"});
}

TEST(H5File, FindsAFlippedBit) {
  const TemporaryFolder folder;
  const Tensor values = random_tensor({64, 64}, DType::f32);
  {
    H5File file = H5File::create(folder.path() / "a.h5");
    file.write_tensor("w", values);
    file.close();
  }
  std::string bytes = read_bytes(folder.path() / "a.h5");
  const std::string_view data(reinterpret_cast<const char*>(values.data<float>()), values.bytes());
  const std::size_t at = bytes.find(data);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 1234] = static_cast<char>(bytes[at + 1234] ^ 4);
  const H5File file = H5File::open(folder.write("flipped.h5", bytes));
  expect_error([&] { file.read_tensor("w", DType::f32); }, {"flipped.h5: w: cannot be read", "checksum"});
}

TEST(H5File, ReadsTheGoldenFiles) {
  const fs::path golden = fs::path(MODR_SHARED_DIR) / "golden";
  if (!fs::exists(golden)) GTEST_SKIP() << "no golden files at " << golden;
  const H5File file = H5File::open(golden / "modr_token.h5");
  EXPECT_EQ(file.attribute_int("", "n_embd"), 48);
  EXPECT_EQ(file.attribute_double("", "rope_base"), 50000.0);
  EXPECT_EQ(file.attribute_string("", "lora_targets"), "attn.Wqkv,attn.proj,mlp.fc,mlp.proj");
  EXPECT_EQ(file.dataset_shape("weights/transformer.wte.weight")[1], 48);
  EXPECT_EQ(file.read_ints("expected/route/1/choice").size(), file.read_ints("padding_mask").size());
  EXPECT_EQ(file.children("expected/route").size(), 4U);
  const H5File adaptive = H5File::open(golden / "huginn_adaptive.h5");
  EXPECT_GT(adaptive.attribute_double("adaptive/kl/full/zero", "exit_threshold"), 0.0);
}

}  // namespace
}  // namespace modr
