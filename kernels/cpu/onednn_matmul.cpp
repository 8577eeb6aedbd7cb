#include "kernels/cpu/onednn_matmul.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.hpp"

namespace modr::kernels::onednn {

namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

template <typename F>
auto named(const char* what, int64_t m, int64_t n, int64_t k, F f) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    fail("oneDNN: {} of {} x {} x {}: {}", what, m, n, k, error.message);
  }
}

// What makes two products the same to oneDNN.
using Key = std::array<int64_t, 9>;

Key key_of(const Product& p) {
  const auto flags = static_cast<int64_t>(p.a.transposed) | static_cast<int64_t>(p.b.transposed) << 1 |
                     static_cast<int64_t>(p.b_is_packed) << 2 | static_cast<int64_t>(p.accumulate) << 3;
  return {p.a.rows,   p.a.columns, p.c.columns,
          p.a.stride, p.b_is_packed ? 0 : p.b.stride, p.c.stride,
          static_cast<int64_t>(p.a.type), static_cast<int64_t>(p.c.type), flags};
}

// Row counts may differ at every step: beyond this many products the table starts anew.
constexpr std::size_t most_prepared = 4096;

dnnl::matmul prepare(const Product& p) {
  dnnl::primitive_attr attributes;
  if (p.accumulate) {
    dnnl::post_ops after;
    after.append_sum(1.0f);
    attributes.set_post_ops(after);
  }
  const memory::desc b = p.b_is_packed ? packed_desc(p.b.rows, p.b.columns, p.b.type) : p.b.desc();
  return dnnl::matmul(describe_product(cpu_engine(), p.a.desc(), b, p.c.desc(), attributes));
}

dnnl::matmul prepared(const Product& product) {
  static std::mutex mutex;
  static auto* table = new std::map<Key, dnnl::matmul>;  // never destroyed: oneDNN's own tables may be gone first
  const std::lock_guard lock(mutex);
  if (table->size() >= most_prepared) table->clear();
  const auto [found, added] = table->try_emplace(key_of(product));
  if (added) {
    try {
      found->second = prepare(product);
    } catch (...) {
      table->erase(found);
      throw;
    }
  }
  return found->second;
}

int64_t bytes_of(memory::data_type type) { return static_cast<int64_t>(memory::data_type_size(type)); }

void copy_rows(int64_t rows, int64_t bytes, const std::byte* from, int64_t from_stride, std::byte* to,
               int64_t to_stride) {
  for (int64_t i = 0; i < rows; ++i) std::copy_n(from + i * from_stride, bytes, to + i * to_stride);
}

void* writable(const void* data) { return const_cast<void*>(data); }  // oneDNN's handles know no const

}  // namespace

memory::desc MatrixLayout::desc() const {
  const int64_t row = transposed ? 1 : stride, column = transposed ? stride : 1;
  return {memory::dims{rows, columns}, type, memory::dims{row, column}};
}

memory::desc packed_desc(int64_t k, int64_t n, memory::data_type type) {
  static std::mutex mutex;
  static auto* table = new std::map<std::array<int64_t, 3>, memory::desc>;
  const std::lock_guard lock(mutex);
  const auto [found, added] = table->try_emplace({k, n, static_cast<int64_t>(type)});
  if (added) {
    const memory::desc a({block_rows, k}, type, memory::format_tag::ab);
    const memory::desc b({k, n}, type, memory::format_tag::any);
    const memory::desc c({block_rows, n}, type, memory::format_tag::ab);
    found->second = describe_product(cpu_engine(), a, b, c).weights_desc();
  }
  return found->second;
}

bool has_matrix_units() {
  static const bool has = [] {  // (its later sets of instructions have the bits of those they contain)
    const auto amx = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & amx) == amx;
  }();
  return has;
}

void run(const Product& p, const void* a, const void* b, void* c) {
  named("product", p.a.rows, p.c.columns, p.a.columns, [&] {
    const memory::desc b_desc = p.b_is_packed ? packed_desc(p.b.rows, p.b.columns, p.b.type) : p.b.desc();
    const memory left(p.a.desc(), cpu_engine(), writable(a)), right(b_desc, cpu_engine(), writable(b)),
        result(p.c.desc(), cpu_engine(), c);
    prepared(p).execute(cpu_stream(), {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}});
    cpu_stream().wait();
  });
}

// Blocks have their rows one behind the other: with strided ones oneDNN may fall back to its reference.
void run_by_rows(const Product& p, const void* a, const void* b, void* c) {
  MODR_CHECK(!p.a.transposed && !p.c.transposed, "a product by rows of a transposed matrix");
  thread_local std::vector<std::byte> a_room, c_room;
  Product block = p;
  block.a.rows = block.c.rows = block_rows;
  block.a.stride = p.a.columns;
  block.c.stride = p.c.columns;
  const int64_t a_bytes = bytes_of(p.a.type), c_bytes = bytes_of(p.c.type);
  const int64_t a_row = p.a.columns * a_bytes, c_row = p.c.columns * c_bytes;
  for (int64_t first = 0; first < p.a.rows; first += block_rows) {
    const int64_t rows = std::min(block_rows, p.a.rows - first);
    const auto* from = static_cast<const std::byte*>(a) + first * p.a.stride * a_bytes;
    auto* to = static_cast<std::byte*>(c) + first * p.c.stride * c_bytes;
    const bool copies_a = rows < block_rows || p.a.stride != p.a.columns;
    const bool copies_c = rows < block_rows || p.c.stride != p.c.columns;
    if (copies_a) {
      a_room.assign(static_cast<std::size_t>(block_rows * a_row), std::byte{0});
      copy_rows(rows, a_row, from, p.a.stride * a_bytes, a_room.data(), a_row);
    }
    if (copies_c) {
      c_room.assign(static_cast<std::size_t>(block_rows * c_row), std::byte{0});
      if (p.accumulate) copy_rows(rows, c_row, to, p.c.stride * c_bytes, c_room.data(), c_row);
    }
    run(block, copies_a ? a_room.data() : from, b, copies_c ? c_room.data() : to);
    if (copies_c) copy_rows(rows, c_row, c_room.data(), c_row, to, p.c.stride * c_bytes);
  }
}

namespace {

void copy(memory from, memory to) {
  dnnl::reorder(from, to).execute(cpu_stream(), from, to);
  cpu_stream().wait();
}

}  // namespace

void reorder(const MatrixLayout& from, const void* source, memory::data_type type, void* packed) {
  named("layout", 0, from.columns, from.rows, [&] {
    copy({from.desc(), cpu_engine(), writable(source)},
         {packed_desc(from.rows, from.columns, type), cpu_engine(), packed});
  });
}

void reorder_back(const MatrixLayout& to, memory::data_type type, const void* packed, void* target) {
  named("layout", 0, to.columns, to.rows, [&] {
    copy({packed_desc(to.rows, to.columns, type), cpu_engine(), writable(packed)}, {to.desc(), cpu_engine(), target});
  });
}

}  // namespace modr::kernels::onednn
