#include "tools/bench/peaks.hpp"

#include <omp.h>

#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/integer.hpp"
#include "base/log.hpp"
#include "kernels/cpu/onednn_matmul.hpp"
#include "ops/matmul.hpp"
#include "tensor/random_fill.hpp"
#include "tools/bench/options.hpp"

namespace modr::tools {

namespace {

constexpr double giga = 1e9;
constexpr std::size_t line_bytes = 64;
constexpr std::size_t beyond_caches = std::size_t{512} << 20;

using dnnl::memory;

/// x W^T of square matrices with nothing of ours around it.
class BareProduct {
 public:
  /// Throws dnnl::error where oneDNN cannot do it.
  BareProduct(DType dtype, int64_t size, bool packed) {
    const memory::desc rows({size, size}, type_of(dtype), memory::format_tag::ab);
    const memory::desc stored({size, size}, type_of(dtype), memory::format_tag::ba);
    const memory::desc any({size, size}, type_of(dtype), memory::format_tag::any);
    const auto how = kernels::onednn::describe_product(engine_, rows, packed ? any : stored, rows);
    x_ = filled(rows, size);
    out_ = memory(rows, engine_);
    weights_ = filled(how.weights_desc(), size);
    product_ = dnnl::matmul(how);
  }

  void operator()() {
    product_.execute(stream_, {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DST, out_}});
    stream_.wait();
  }

 private:
  static memory::data_type type_of(DType dtype) {
    return dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  }

  // Ordinary numbers: zeros and denormals may be faster or slower.
  memory filled(const memory::desc& layout, int64_t size) {
    const memory::desc plain({size, size}, memory::data_type::f32, memory::format_tag::ab);
    memory from(plain, engine_), to(layout, engine_);
    auto* values = static_cast<float*>(from.get_data_handle());
    for (std::size_t i = 0; i < plain.get_size() / sizeof(float); ++i)
      values[i] = static_cast<float>(i % 17) / 16 - 0.5f;
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  memory x_, weights_, out_;
  dnnl::matmul product_;
};

ProductPeak measure_product(const Communicator& world, DType dtype, int64_t size, const BenchPace& pace) {
  ProductPeak peak{dtype, size, {}, {}};
  try {
    BareProduct packed(dtype, size, true), unpacked(dtype, size, false);
    const BenchTimes times = time_in_turn(world, {[&] { packed(); }, [&] { unpacked(); }}, pace);
    const double operations = 2 * static_cast<double>(size * size * size * world.size());
    peak.packed = operations / median(times[0]);
    peak.unpacked = operations / median(times[1]);
  } catch (const dnnl::error& error) {
    log("{} product: not on this processor ({})", name_of(dtype), error.what());
  }
  return peak;
}

// Calls f(begin, end) with each thread's own part of [0, size), in whole cache lines.
template <typename F>
void on_threads(std::size_t size, F f) {
#pragma omp parallel
  {
    const auto count = static_cast<std::size_t>(omp_get_num_threads());
    const auto index = static_cast<std::size_t>(omp_get_thread_num());
    const std::size_t lines = size / line_bytes;
    f(lines * index / count * line_bytes, lines * (index + 1) / count * line_bytes);
  }
}

}  // namespace

void BenchBuffer::Free::operator()(std::byte* data) const { std::free(data); }

BenchBuffer::BenchBuffer(std::size_t bytes)
    : size_(round_up(bytes, line_bytes)),
      data_(static_cast<std::byte*>(std::aligned_alloc(line_bytes, size_))) {
  if (!data_) fail("out of memory: {} bytes were asked for to measure with", size_);
  on_threads(size_, [&](std::size_t begin, std::size_t end) { std::memset(data() + begin, 1, end - begin); });
}

void copy_memory(const BenchBuffer& from, const BenchBuffer& to) {
  MODR_CHECK(from.size() == to.size(), "{} bytes to {}", from.size(), to.size());
  on_threads(from.size(), [&](std::size_t begin, std::size_t end) {
    std::memcpy(to.data() + begin, from.data() + begin, end - begin);
  });
}

uint64_t read_memory(const BenchBuffer& buffer) {
  uint64_t total = 0;
  on_threads(buffer.size(), [&](std::size_t begin, std::size_t end) {
    const auto* words = reinterpret_cast<const uint64_t*>(buffer.data() + begin);
    const std::size_t count = (end - begin) / sizeof(uint64_t);
    uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) sum += words[i];
#pragma omp atomic
    total += sum;
  });
  return total;
}

double measure_read_rate(const Communicator& world, std::size_t bytes, int64_t repeats) {
  const BenchBuffer buffer(bytes);
  const uint64_t expected = read_memory(buffer);
  const auto read = [&] { MODR_CHECK(read_memory(buffer) == expected, "memory {}", "changed while it was read"); };
  const double seconds = median(time_in_turn(world, {read}, {.repeats = repeats}).front());
  return static_cast<double>(buffer.size()) * world.size() / seconds;
}

double Peaks::product(DType dtype) const {
  for (const ProductPeak& peak : products)
    if (peak.dtype == dtype && peak.size == reference && peak.packed) return *peak.packed;
  fail("no {} product was measured on {}", name_of(dtype), name_of(device));
}

namespace {

// A product of a GPU, all of it computed when it returns.
ProductPeak measure_gpu_product(const Communicator& world, TensorType type, int64_t size, const BenchPace& pace) {
  const Tensor values = Tensor::empty({size, size}, exact(type));
  fill_uniform(values, PhiloxStream(1, RandomStream::data), 0, 1);
  const Tensor x = values.to(type.dtype), w = values.transpose(0, 1).clone().to(type.dtype);
  const Tensor out = Tensor::empty({size, size}, type);
  const auto multiply = [&] {
    ops::matmul({x}, {w, true}, out);
    synchronize(type.device);
  };
  const double operations = 2 * static_cast<double>(size * size * size * world.size());
  return {type.dtype, size, operations / median(time_in_turn(world, {multiply}, pace).front()), {}};
}

Peaks measure_gpu_peaks(const Communicator& world, int64_t repeats, Device device, int64_t reference) {
  log("peaks: {} x {}", world.size(), name_of(device));
  Peaks peaks{
      .ranks = world.size(), .threads = threads_in_use(), .repeats = repeats, .reference = reference, .device = device};
  const BenchPace pace{.repeats = repeats};
  for (const int64_t size : {reference / 8, reference})
    for (const DType dtype : {DType::f32, DType::bf16})
      peaks.products.push_back(measure_gpu_product(world, {dtype, device}, size, pace));
  constexpr std::size_t bytes = std::size_t{2} << 30;  // far beyond the cache
  const BenchCopy copy(bytes / 2, device);
  peaks.copy = static_cast<double>(bytes) * world.size() / median(time_in_turn(world, {[&] { copy(); }}, pace).front());
  peaks.read = peaks.copy;
  return peaks;
}

}  // namespace

BenchCopy::BenchCopy(std::size_t bytes, Device device) {
  if (device.is_cuda()) {
    const Shape shape{static_cast<int64_t>(ceil_div(bytes, sizeof(float)))};
    from_there_ = Tensor::zeros(shape, {DType::f32, device});
    to_there_ = Tensor::zeros(shape, {DType::f32, device});
  } else {
    from_ = std::make_unique<BenchBuffer>(bytes);
    to_ = std::make_unique<BenchBuffer>(bytes);
  }
}

void BenchCopy::operator()() const {
  if (from_) return copy_memory(*from_, *to_);
  to_there_.copy_from(from_there_);
  synchronize(to_there_.device());
}

Peaks measure_peaks(const Communicator& world, int64_t repeats, const BenchModel& model) {
  const int64_t usual = model.device.is_cuda() ? 8192 : 1024,
                reference = model.product_size > 0 ? model.product_size : usual;
  if (model.device.is_cuda()) return measure_gpu_peaks(world, repeats, model.device, reference);
  log("peaks: {} x {} threads", world.size(), threads_in_use());
  Peaks peaks{.ranks = world.size(), .threads = threads_in_use(), .repeats = repeats, .reference = reference};
  const BenchPace pace{.repeats = repeats};
  for (const int64_t size : {peaks.reference, 2 * peaks.reference})
    for (const DType dtype : {DType::f32, DType::bf16})
      peaks.products.push_back(measure_product(world, dtype, size, pace));
  peaks.read = measure_read_rate(world, beyond_caches, repeats);
  const BenchBuffer from(beyond_caches / 2), to(beyond_caches / 2);
  const double seconds = median(time_in_turn(world, {[&] { copy_memory(from, to); }}, pace).front());
  peaks.copy = static_cast<double>(beyond_caches) * world.size() / seconds;
  return peaks;
}

BenchTable peaks_table(const Peaks& peaks) {
  BenchTable table{
      "peaks",
      "What this machine can do",
      peaks.device.is_cuda()
          ? fmt::format("{} x {}, medians of {}. Products are cuBLASLt's, weights as stored; memory is copied by our "
                        "own kernel.",
                        peaks.ranks, name_of(peaks.device), peaks.repeats)
          : fmt::format("{} x {} threads at the same time, together; medians of {}. Products are oneDNN's, called "
                        "directly; memory is {} MiB a rank.",
                        peaks.ranks, peaks.threads, peaks.repeats, beyond_caches >> 20),
      {{"peak", "peak"}, {"dtype", "type"}, {"rate_g", "rate"}, {"unit", "unit"}},
      {}};
  const auto add = [&](std::string what, std::string dtype, std::optional<double> rate, const char* unit) {
    table.rows.push_back({std::move(what), std::move(dtype), rate ? BenchValue(*rate / giga) : BenchValue(), unit});
  };
  for (const ProductPeak& peak : peaks.products) {
    const bool on_gpu = peaks.device.is_cuda();
    add(fmt::format("product {}^3, {}", peak.size, on_gpu ? "cuBLASLt" : "packed weights"),
        std::string(name_of(peak.dtype)), peak.packed, "GFLOP/s");
    if (!on_gpu)
      add(fmt::format("product {}^3, weights as stored", peak.size), std::string(name_of(peak.dtype)), peak.unpacked,
          "GFLOP/s");
  }
  add("memory, copied (read + written)", "-", peaks.copy, "GB/s");
  if (!peaks.device.is_cuda()) add("memory, read", "-", peaks.read, "GB/s");
  return table;
}

}  // namespace modr::tools
