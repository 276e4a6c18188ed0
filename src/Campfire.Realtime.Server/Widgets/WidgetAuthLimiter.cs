using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Campfire.Realtime.Server.Http;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>Bounds how many conversations one address can open.</summary>
internal sealed class WidgetAuthLimiter(CampfireServerOptions options) : IDisposable
{
    private static readonly TimeSpan _window = TimeSpan.FromMinutes(1);

    private readonly PartitionedRateLimiter<IPAddress> _limiter = PartitionedRateLimiter.Create<IPAddress, IPAddress>(
        address => RateLimitPartition.GetFixedWindowLimiter(NetworkOf(address), _ => new FixedWindowRateLimiterOptions
        {
            PermitLimit = options.WidgetAuthRequestsPerMinute,
            Window = _window,
        }));

    /// <exception cref="ProblemException">The address has used up its requests.</exception>
    public void Admit(IPAddress? address)
    {
        using RateLimitLease lease = _limiter.AttemptAcquire(address ?? IPAddress.None);
        if (lease.IsAcquired)
            return;

        throw new ProblemException(
            StatusCodes.Status429TooManyRequests,
            ProblemCodes.RateLimited,
            "Too many conversations are being opened from this address. Wait as long as Retry-After says.",
            lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? wait : _window);
    }

    public void Dispose() => _limiter.Dispose();

    // One subscriber has 2^64 addresses of version 6.
    private static IPAddress NetworkOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
            return address;

        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
