// SPDX-License-Identifier: Apache-2.0

package import LibContainer
package import Linux

/// Everything one container gets, and why: a plain value between the readers (the request, the node) and the writers
/// (the edits of config.json, an explanation).
///
/// What `explain` shows is what `create` does because both have the same plan.
package struct InjectionPlan: Sendable {
    /// Something the container gets. A tuple, since generic types are built at run time, in every start.
    package typealias Item<Value: Sendable> = (value: Value, reason: Reason)

    /// Why an item is in the plan.
    package struct Reason: Hashable, Sendable {
        /// What asked for it.
        package var requestedBy: Requester
        /// Where it was found.
        package var foundIn: ByteString
    }

    package enum Requester: Hashable, Sendable {
        case capabilities(DriverCapabilities)
        /// A GPU of the request, by its index.
        case gpu(Int)
    }

    /// A bind mount.
    package struct Mount: Hashable, Sendable {
        package var source: ByteString
        package var destination: ByteString
        package var options: [ByteString]

        /// Options of files and folders, as the original has them.
        static let fileOptions: [ByteString] = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
        /// Options of sockets: a client writes to them.
        static let socketOptions: [ByteString] = ["nosuid", "nodev", "rbind", "rprivate", "noexec"]
        /// By which a mount in a spec can be one of ours.
        static let allOptions = [fileOptions, socketOptions]
    }

    package var request: DeviceRequest
    /// Of the kernel module.
    package var driverVersion: ByteString
    package var gpus: [GPU]
    package var devices: [Item<DeviceNode>] = []
    package var mounts: [Item<Mount>] = []
    package var additionalGIDs: [Item<UInt32>] = []
    package var links: [Item<SymbolicLink>] = []
    /// What the loader must find by SONAME, with the link of that name.
    package var libraries: [Item<LoaderUpdate.Library>] = []
    /// The one hook of ours; nil where nothing has to be done inside the container's root.
    package var hook: HookInvocation?
    /// What was looked for and not found or refused.
    package var omissions: [Omission] = []
}
