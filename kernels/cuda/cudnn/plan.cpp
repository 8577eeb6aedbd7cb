// The only place that includes cudnn-frontend, which takes most of a minute to compile.
#include <cudnn_frontend.h>

#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "kernels/cuda/fused_attention_plan.hpp"
#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

namespace {

namespace fe = cudnn_frontend;
using fe::graph::Tensor_attributes;
using Tensor = std::shared_ptr<Tensor_attributes>;

void check(fe::error_t error, const char* what) {
  if (error.is_good()) return;
  const std::string text = error.get_message();
  throw Error(std::string("cuDNN: ") + what + ": " + text.substr(0, text.find('\n')));
}

// What a tensor of the graph is called when its address is given.
enum Name : int64_t { q = 1, k, v, out, log_sum_exp, dout, dq, dk, dv, in_qkv, in_out, in_log_sum_exp, rows };

// Causal attention of packed sequences. cuDNN's sizes are [sequences, heads, longest, head_dim] however things lie.
class GraphOf {
 public:
  explicit GraphOf(const FusedShape& shape) : shape_(shape), graph_(std::make_shared<fe::graph::Graph>()) {
    graph_->set_io_data_type(fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
    const auto [b, h, s, d] = std::array{shape.sequences, shape.heads, shape.longest, shape.head_dim};
    const int64_t width = shape.row_heads * d;
    wide_ = {{b, h, s, d}, {s * 3 * width, d, 3 * width, 1}, offsets("in_qkv", in_qkv), fe::DataType_t::BFLOAT16};
    narrow_ = {{b, h, s, d}, {s * width, d, width, 1}, offsets("in_out", in_out), fe::DataType_t::BFLOAT16};
    sums_ = {{b, h, s, 1}, {s * h, 1, h, 1}, offsets("in_log_sum_exp", in_log_sum_exp), fe::DataType_t::FLOAT};
    lengths_ = graph_->tensor(Tensor_attributes()
                                  .set_name("rows")
                                  .set_uid(rows)
                                  .set_dim({b, 1, 1, 1})
                                  .set_stride({1, 1, 1, 1})
                                  .set_data_type(fe::DataType_t::INT32));
    if (shape.backward)
      add_backward();
    else
      add_forward();
  }

  std::shared_ptr<fe::graph::Graph> graph() const { return graph_; }

 private:
  // How the values of one kind lie.
  struct Layout {
    std::vector<int64_t> sizes, strides;
    Tensor offsets;
    fe::DataType_t type;
  };

  Tensor offsets(const char* name, Name uid) {
    return graph_->tensor(Tensor_attributes()
                              .set_name(name)
                              .set_uid(uid)
                              .set_dim({shape_.sequences + 1, 1, 1, 1})
                              .set_stride({1, 1, 1, 1})
                              .set_data_type(fe::DataType_t::INT64));
  }

  static Tensor_attributes& lay(Tensor_attributes& tensor, Name uid, const Layout& as) {
    return tensor.set_uid(uid)
        .set_dim(as.sizes)
        .set_stride(as.strides)
        .set_data_type(as.type)
        .set_ragged_offset(as.offsets);
  }
  Tensor in(const char* name, Name uid, const Layout& as) {
    Tensor_attributes tensor;
    tensor.set_name(name);
    return graph_->tensor(lay(tensor, uid, as));
  }
  static void give(const Tensor& tensor, Name uid, const Layout& as) { lay(*tensor, uid, as).set_output(true); }

  // What both directions are told.
  template <typename Attributes>
  Attributes attributes(const char* name) const {
    Attributes attributes;
    attributes.set_name(name)
        .set_attn_scale(1 / std::sqrt(static_cast<float>(shape_.head_dim)))
        .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
        .set_diagonal_band_right_bound(0)
        .set_padding_mask(true)
        .set_seq_len_q(lengths_)
        .set_seq_len_kv(lengths_);
    return attributes;
  }

  void add_forward() {
    const auto [to, sums] = graph_->sdpa(in("q", q, wide_), in("k", k, wide_), in("v", v, wide_),
                                         attributes<fe::graph::SDPA_attributes>("attention").set_generate_stats(true));
    give(to, out, narrow_);
    give(sums, log_sum_exp, sums_);
  }

  void add_backward() {
    const int64_t most_rows = shape_.sequences * shape_.longest;
    const auto [to_q, to_k, to_v] =
        graph_->sdpa_backward(in("q", q, wide_), in("k", k, wide_), in("v", v, wide_), in("out", out, narrow_),
                              in("dout", dout, narrow_), in("log_sum_exp", log_sum_exp, sums_),
                              attributes<fe::graph::SDPA_backward_attributes>("attention's gradients")
                                  .set_deterministic_algorithm(true)  // without, it adds with atomics
                                  .set_max_total_seq_len_q(most_rows)
                                  .set_max_total_seq_len_kv(most_rows));
    give(to_q, dq, wide_);
    give(to_k, dk, wide_);
    give(to_v, dv, wide_);
  }

  const FusedShape shape_;
  std::shared_ptr<fe::graph::Graph> graph_;
  Layout wide_, narrow_, sums_;
  Tensor lengths_;
};

class Plan final : public FusedPlan {
 public:
  /// Of the device that `handle` is of, or, without one, of that which is described.
  Plan(cudnnHandle_t handle, const std::shared_ptr<fe::DeviceProperties>& gpu, const FusedShape& shape)
      : handle_(handle), shape_(shape), graph_(GraphOf(shape).graph()) {
    if (gpu != nullptr) graph_->set_device_properties(gpu);
    check(graph_->validate(), "validation");
    check(gpu ? graph_->build_operation_graph() : graph_->build_operation_graph(handle), "operations");
    check(graph_->create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}), "choice of a way");
    check(gpu ? graph_->check_support() : graph_->check_support(handle), "support");
    check(gpu ? graph_->build_plans() : graph_->build_plans(handle), "plans");
    check(graph_->get_workspace_size(workspace_), "workspace");
  }

  int64_t workspace() const override { return workspace_; }

  std::string name() const override {
    std::string way;
    check(graph_->get_plan_name(way), "name of a plan");
    return way + " of " + std::to_string(graph_->get_execution_plan_count());
  }

  void run(Cuda on, const FusedTensors& t) const override {
    const int64_t width = shape_.row_heads * shape_.head_dim * int64_t{sizeof(uint16_t)};  // bytes
    const auto at = [](const void* first, int64_t bytes) {
      return const_cast<std::byte*>(static_cast<const std::byte*>(first)) + bytes;
    };
    std::unordered_map<int64_t, void*> addresses{{q, at(t.qkv, 0)},
                                                 {k, at(t.qkv, width)},
                                                 {v, at(t.qkv, 2 * width)},
                                                 {out, t.out},
                                                 {log_sum_exp, t.log_sum_exp},
                                                 {in_qkv, at(t.in_qkv, 0)},
                                                 {in_out, at(t.in_out, 0)},
                                                 {in_log_sum_exp, at(t.in_log_sum_exp, 0)},
                                                 {rows, at(t.lengths, 0)}};
    if (shape_.backward)
      addresses.insert({{dout, at(t.dout, 0)}, {dq, t.dqkv}, {dk, at(t.dqkv, width)}, {dv, at(t.dqkv, 2 * width)}});
    if (const cudnnStatus_t status = cudnnSetStream(handle_, stream_of(on)); status != CUDNN_STATUS_SUCCESS)
      throw Error(std::string("cuDNN: choice of the stream: ") + cudnnGetErrorString(status));
    check(graph_->execute(handle_, addresses, t.workspace), "attention");
  }

 private:
  const cudnnHandle_t handle_;
  const FusedShape shape_;
  const std::shared_ptr<fe::graph::Graph> graph_;
  int64_t workspace_ = 0;
};

// Never destroyed: CUDA may be gone before static objects are.
cudnnHandle_t handle_of(int device) {
  static auto& handles = *new std::map<int, cudnnHandle_t>;
  cudnnHandle_t& handle = handles[device];
  if (handle == nullptr)
    if (const cudnnStatus_t status = cudnnCreate(&handle); status != CUDNN_STATUS_SUCCESS)
      throw Error(std::string("cuDNN: start of the library: ") + cudnnGetErrorString(status));
  return handle;
}

template <typename Make>
FusedOffer offer(Make make) {
  try {
    return {make(), ""};
  } catch (const std::exception& error) {  // ours, and cudnn-frontend's own
    return {nullptr, error.what()};
  }
}

}  // namespace

bool has_fused_attention() { return true; }

FusedOffer plan_fused_attention(Cuda on, const FusedShape& shape) {
  static std::mutex mutex;
  static std::string said;
  const std::lock_guard lock(mutex);
  stream_of(on);
  FusedOffer made = offer([&] { return std::make_unique<const Plan>(handle_of(on.device), nullptr, shape); });
  if (made.plan == nullptr && said != made.refusal) {
    said = made.refusal;
    warn("attention in bf16 by our own kernels, which are slower: {}", said);
  }
  return made;
}

FusedOffer plan_fused_attention(const std::string& gpu, const FusedShape& shape) {
  return offer([&] {
    const auto described = std::make_shared<fe::DeviceProperties>();
    check(described->deserialize(std::vector<uint8_t>(gpu.begin(), gpu.end())), "a GPU's description");
    return std::make_unique<const Plan>(nullptr, described, shape);
  });
}

}  // namespace modr::kernels
