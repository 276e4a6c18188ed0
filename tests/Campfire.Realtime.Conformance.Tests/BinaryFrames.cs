using System.Text;

namespace Campfire.Realtime.Conformance.Tests;

// Kinds 3 and 4 of vsn 2.0.0, written down a second time, so that the tests do not share a fault with the product.
internal static class BinaryFrames
{
    public static byte[] Push(string joinRef, string reference, string topic, string userEvent, byte[] payload, bool isBinary, string metadata = "")
    {
        byte[][] fields = [.. new[] { joinRef, reference, topic, userEvent, metadata }.Select(Encoding.UTF8.GetBytes)];
        return [3, .. fields.Select(field => (byte)field.Length), isBinary ? (byte)0 : (byte)1, .. fields.SelectMany(field => field), .. payload];
    }

    public static (string Topic, string Event, string Metadata, bool IsBinary, byte[] Payload) Read(byte[] frame)
    {
        Assert.That(frame[0], Is.EqualTo(4));
        var (topic, userEvent, metadata) = (frame[1], frame[2], frame[3]);
        var at = 5;
        var (name, value, meta) = (Take(topic), Take(userEvent), Take(metadata));
        return (name, value, meta, frame[4] == 0, frame[at..]);

        string Take(int length)
        {
            var text = Encoding.UTF8.GetString(frame, at, length);
            at += length;
            return text;
        }
    }
}
