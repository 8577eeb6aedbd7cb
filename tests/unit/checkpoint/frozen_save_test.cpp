// Saving beside training: what trains is copied, what is frozen is read where it is, packed or in rows.
#include <gtest/gtest.h>

#include "checkpoint/checkpoint_save.hpp"
#include "support/random_tensor.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

using testing::random_tensor;

Tensor packed(const Tensor& rows) {
  const Tensor result = Tensor::packed(rows.shape(), rows.device());
  result.copy_from(rows);
  return result;
}

CheckpointTensor tensor_of(const std::string& name, const Tensor& values, bool constant) {
  CheckpointTensor result{{"weights/" + name, values}, !constant};
  result.constant = constant;
  return result;
}

class FrozenSave : public ::testing::Test {
 protected:
  // Several chunks of one frozen matrix, packed, between others in rows.
  const Tensor rows_ = random_tensor({700, 1500}, DType::bf16, 1), frozen_ = random_tensor({900}, DType::f32, 2),
               trained_ = random_tensor({40, 30}, DType::f32, 3);
  const std::vector<CheckpointTensor> tensors_{tensor_of("a", frozen_, true), tensor_of("b", packed(rows_), true),
                                               tensor_of("c", trained_, false)};
  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "a.h5";

  CheckpointSave new_save() { return {Communicator::self(), path_, CheckpointInfo(), tensors_}; }
};

TEST_F(FrozenSave, CopiesWhatTrainsAlone) {
  CheckpointSave save = new_save();
  CheckpointBuffer buffer;
  save.copy_values(buffer);
  EXPECT_EQ(buffer.size, trained_.bytes());
  EXPECT_EQ(save.share_bytes(), save.total_bytes());
  const std::vector<double> before = trained_.to_vector();
  trained_.fill(7);  // the next step
  save.run();
  const CheckpointReader reader(path_);
  EXPECT_EQ(reader.weight_type("b"), "bf16");
  EXPECT_EQ(reader.read_weight_as_stored("a").to_vector(), frozen_.to_vector());
  EXPECT_EQ(reader.read_weight_as_stored("b").to_vector(), rows_.to_vector());
  EXPECT_EQ(reader.read_weight_as_stored("c").to_vector(), before);
}

TEST_F(FrozenSave, WithoutACopyTheSame) {
  new_save().run();
  const CheckpointReader reader(path_);
  const Tensor back = Tensor::packed(rows_.shape(), cpu_device);
  reader.read_weight_into({"b", back});
  EXPECT_EQ(back.to_vector(), rows_.to_vector());
  EXPECT_EQ(reader.read_weight_as_stored("c").to_vector(), trained_.to_vector());
}

}  // namespace
}  // namespace modr
