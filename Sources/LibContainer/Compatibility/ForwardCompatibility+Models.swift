// SPDX-License-Identifier: Apache-2.0

package import Linux

extension ForwardCompatibility {
    /// Brands on which CUDA ends with error 804 when it is given a compat library. NVIDIA's guide lists data center
    /// GPUs, some RTX cards of workstations, and Jetson; the note of each library lists the brands by their NVML number
    /// (nvmlBrandType_t), and all of them but NVS, GeForce and TITAN are in it. (GRID is not either, but "GRID" in a
    /// model is a virtual GPU, whose brand is another.)
    private static let unsupportedBrands: [ByteString] = ["geforce", "titan", "nvs"]

    /// Whether a GPU of that model, such as `NVIDIA A100-SXM4-40GB`, can be used through an image's compat libraries.
    /// True for a model that nothing is known of: CUDA itself refuses what it does not support.
    package static func isSupported(byModel model: ByteString) -> Bool {
        let words = ByteString(model.bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
            .split(separator: UInt8(ascii: " "))
        return !words.contains { unsupportedBrands.contains($0) }
    }
}
