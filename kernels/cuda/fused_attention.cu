#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "kernels/api/gpu.hpp"
#include "kernels/cuda/fused_attention.hpp"
#include "kernels/cuda/fused_attention_plan.hpp"
#include "kernels/cuda/turn.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t most_sequences = 512;  // of a call
constexpr int64_t least_longest = 128;   // rows of a tile of cuDNN's

int64_t power_of_2_from(int64_t n) { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n))); }

int64_t scores_of(const FusedShape& call) {
  return call.sequences * call.heads * call.longest * call.longest * int64_t{sizeof(bfloat16)};
}

// What cuDNN is told of the sequences of each call, all at addresses that are multiples of 16 bytes.
struct Begins {
  int64_t calls, sequences;                   // of a call
  int64_t *in_qkv, *in_out, *in_log_sum_exp;  // [calls, step()], in elements
  int32_t* lengths;                           // [calls, length_step()]

  __host__ __device__ int64_t step() const { return (sequences + 2) / 2 * 2; }
  __host__ __device__ int64_t length_step() const { return (sequences + 3) / 4 * 4; }
};

// (Behind the last sequence come empty ones, until the last call is full.)
__global__ void write_begins(AttentionShape s, int64_t call_heads, Begins to) {
  const auto row_of = [&](int64_t sequence) { return s.offsets[sequence < s.sequences ? sequence : s.sequences]; };
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < to.calls * to.step();
       i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t call = i / to.step(), at = i % to.step();
    const int64_t sequence = call * to.sequences + at, row = row_of(sequence);
    to.in_qkv[i] = row * 3 * s.heads * s.head_dim;
    to.in_out[i] = row * s.heads * s.head_dim;
    to.in_log_sum_exp[i] = row * call_heads;
    if (at < to.sequences) to.lengths[call * to.length_step() + at] = static_cast<int32_t>(row_of(sequence + 1) - row);
  }
}

struct Assign {
  __device__ void operator()(float& to, float from) const { to = from; }
};

// A piece of the pool, given back in the stream's order.
class Room {
 public:
  Room(Cuda on, int64_t bytes) : on_(on), memory_(allocate(on, static_cast<std::size_t>(bytes))), next_(memory_) {
    if (memory_ == nullptr)
      throw Error("cuda:" + std::to_string(on.device) + ": no memory for attention, which needs " +
                  std::to_string(bytes >> 20) + " MiB beside its tensors");
  }
  ~Room() { release(on_, memory_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  template <typename T>
  static int64_t bytes_of(int64_t count) {
    return (count * int64_t{sizeof(T)} + 255) / 256 * 256;
  }
  template <typename T>
  T* take(int64_t count) {
    std::byte* const taken = next_;
    next_ += bytes_of<T>(count);
    return reinterpret_cast<T*>(taken);
  }

 private:
  const Cuda on_;
  std::byte *const memory_, *next_;
};

// The plans of a device, each made when it is first needed, and what cuDNN would not do.
class Plans {
 public:
  /// Never destroyed: CUDA may be gone before static objects are.
  static Plans& of(int device) {
    static std::mutex mutex;
    static auto& all = *new std::map<int, Plans>;
    const std::lock_guard lock(mutex);
    return all[device];
  }

  std::mutex mutex;  // for as long as a plan is used

  const FusedPlan* find(Cuda on, const FusedShape& shape) {
    const auto found = offers_.find(shape);
    if (found != offers_.end()) return found->second.plan.get();
    return offers_.emplace(shape, plan_fused_attention(on, shape)).first->second.plan.get();
  }

 private:
  std::map<FusedShape, FusedOffer> offers_;
};

bool is_wanted() {
  const char* const word = std::getenv("MODR_CUDNN");
  return word == nullptr || word != std::string_view("off");
}

// cuDNN's kernels read 16 bytes at a time. (What is not there is null.)
bool is_aligned(const FusedTensors& t) {
  for (const void* first : {t.qkv, t.dout, static_cast<const void*>(t.out), static_cast<const void*>(t.dqkv)})
    if (reinterpret_cast<uintptr_t>(first) % 16 != 0) return false;
  return true;
}

FusedTensors from_column(FusedTensors t, int64_t column) {
  const auto move = [&](auto& first) {
    if (first != nullptr) first = const_cast<bfloat16*>(static_cast<const bfloat16*>(first)) + column;
  };
  move(t.qkv), move(t.out), move(t.dout), move(t.dqkv);
  return t;
}

// The room beside tensors of all calls together, which use it one after the other.
struct Rooms {
  Begins begins;
  int64_t offsets, lengths, sums;  // elements: of each of the three, of lengths, of the packed log_sum_exp

  Rooms(const AttentionShape& s, const FusedShape& call)
      : begins{(s.sequences + call.sequences - 1) / call.sequences, call.sequences, {}, {}, {}, {}},
        offsets(begins.calls * begins.step()),
        lengths(begins.calls * begins.length_step()),
        sums(s.rows * call.heads) {}

  int64_t bytes(int64_t workspace) const {
    return 3 * Room::bytes_of<int64_t>(offsets) + Room::bytes_of<int32_t>(lengths) + Room::bytes_of<float>(sums) +
           workspace;
  }
};

// All sequences and heads of `t`, whose addresses are those of tensors, by `plan`, a part after the other.
void run_calls(Cuda on, const AttentionShape& s, const FusedShape& call, const FusedPlan& plan, FusedTensors t) {
  Rooms rooms(s, call);
  Room room(on, rooms.bytes(plan.workspace()));
  Begins& begins = rooms.begins;
  for (int64_t** at : {&begins.in_qkv, &begins.in_out, &begins.in_log_sum_exp}) *at = room.take<int64_t>(rooms.offsets);
  begins.lengths = room.take<int32_t>(rooms.lengths);
  float* const log_sum_exp = t.log_sum_exp;  // [heads, rows]
  t.log_sum_exp = room.take<float>(rooms.sums);
  t.workspace = room.take<std::byte>(plan.workspace());
  launch({blocks_for(rooms.offsets, 256, 1024), 256, 0, stream_of(on)}, write_begins, s, call.heads, begins);
  for (int64_t head = 0; head < s.heads; head += call.heads) {
    FusedTensors part = from_column(t, head * s.head_dim);
    float* const of_heads = log_sum_exp + head * s.rows;
    if (call.backward) turn(on, Assign{}, of_heads, call.heads, s.rows, s.rows, part.log_sum_exp);
    for (int64_t i = 0; i < begins.calls; ++i) {
      part.in_qkv = begins.in_qkv + i * begins.step();
      part.in_out = begins.in_out + i * begins.step();
      part.in_log_sum_exp = begins.in_log_sum_exp + i * begins.step();
      part.lengths = begins.lengths + i * begins.length_step();
      plan.run(on, part);
    }
    if (!call.backward) turn(on, Assign{}, part.log_sum_exp, s.rows, call.heads, call.heads, of_heads);
  }
}

// What is done here, wherever its tensors are.
bool is_taken(const AttentionShape& s) { return s.rows > 0 && s.head_dim % 16 == 0 && is_wanted(); }

bool attend(Cuda on, const AttentionShape& s, bool backward, const FusedTensors& t) {
  if (!is_taken(s) || !is_aligned(t)) return false;
  const FusedShape call = fused_calls(s, backward);
  Plans& plans = Plans::of(on.device);
  const std::lock_guard lock(plans.mutex);
  const FusedPlan* const plan = plans.find(on, call);
  if (plan == nullptr) return false;
  run_calls(on, s, call, *plan, t);
  return true;
}

}  // namespace

FusedShape fused_calls(const AttentionShape& s, bool backward) {
  FusedShape call{backward,
                  std::min(power_of_2_from(s.sequences), most_sequences),
                  std::max(power_of_2_from(s.longest), least_longest),
                  s.heads,
                  s.heads,
                  s.head_dim};
  if (!backward) return call;
  while (call.sequences > 1 && scores_of(call) > most_fused_scores) call.sequences /= 2;
  while (call.heads > 1 && scores_of(call) > most_fused_scores) {
    do --call.heads;
    while (s.heads % call.heads != 0);
  }
  return call;
}

int64_t fused_workspace(const FusedShape& call) {
  constexpr int64_t small = 64 << 10;
  if (!call.backward) return small;
  return scores_of(call) + call.sequences * call.longest * call.heads * int64_t{sizeof(float)} + small;
}

int64_t attention_room_on_gpu(const AttentionShape& s) {
  if (!has_fused_attention() || !is_taken(s)) return 0;
  const FusedShape call = fused_calls(s, true);
  return Rooms(s, call).bytes(fused_workspace(call));
}

bool attend_fused(Cuda on, const CausalAttention<bfloat16>& a) {
  FusedTensors t{};
  t.qkv = a.qkv, t.out = a.out, t.log_sum_exp = a.log_sum_exp;
  return attend(on, a.shape, false, t);
}

bool attend_backward_fused(Cuda on, const CausalAttentionBackward<bfloat16>& a) {
  FusedTensors t{};
  t.qkv = a.qkv, t.dout = a.dout, t.dqkv = a.dqkv;
  t.out = const_cast<bfloat16*>(a.out), t.log_sum_exp = const_cast<float*>(a.log_sum_exp);
  return attend(on, a.shape, true, t);
}

}  // namespace modr::kernels
