// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux

/// Something about the host that may not be found out.
package enum Fact<Value> {
    case known(Value)
    /// Not known, and why: lower case, no period.
    case unknown(because: String)
}

extension Fact: Equatable where Value: Equatable {}
extension Fact: Sendable where Value: Sendable {}

/// What requirements compare of one GPU.
package struct GPUFacts: Equatable, Sendable {
    /// How to call the GPU in an error: its index or UUID.
    package var name: ByteString
    /// The product line in the words that requirements use, in any case: `geforce`, `tesla`, `nvidiartx`, and `unknown`
    /// where NVML itself says that it has no name for it, which images list as a brand.
    package var brand: Fact<ByteString>
    /// The compute capability, such as 8.9.
    package var architecture: Fact<RequirementVersion>

    package init(name: ByteString, brand: Fact<ByteString>, architecture: Fact<RequirementVersion>) {
        self.name = name
        self.brand = brand
        self.architecture = architecture
    }
}

/// What requirements compare, and how to find it out. A closure is called at most once for a list of requirements, and
/// only if nothing cheaper decides: the driver's own library knows what they ask for, and it takes long to start.
package struct HostFacts {
    /// The version of the loaded kernel module, such as `550.144.03`.
    let driverVersion: ByteString
    /// Asks for the CUDA version that the driver supports.
    let cuda: () -> Fact<CUDAVersion>
    /// Asks for the facts of each GPU that the container gets; of a MIG device its parent counts. Nil where the container
    /// gets none, only the driver.
    let gpus: (() -> Fact<[GPUFacts]>)?

    package init(
        driverVersion: ByteString, cuda: @escaping () -> Fact<CUDAVersion>, gpus: (() -> Fact<[GPUFacts]>)?
    ) {
        self.driverVersion = driverVersion
        self.cuda = cuda
        self.gpus = gpus
    }
}
