using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Hosting;

internal static class RequestBody
{
    // What Realtime's own parser takes.
    private const int MaxBytes = 8_000_000;

    // Null when the body is too large. It is read to its end nevertheless: a client that is cut off while it sends
    // reports a broken connection and never sees the answer.
    public static async Task<byte[]?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            var length = 0L;
            while (await request.Body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var count)
            {
                length += count;
                if (length <= MaxBytes)
                    body.Write(buffer, 0, count);
            }
            return length <= MaxBytes ? body.ToArray() : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
