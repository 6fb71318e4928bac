// A stopwatch with two digits: a divider, counters with carries, and a decoder for a display of seven segments.
module digit(input clk, input step, input clear, output reg [3:0] value, output carry);
  assign carry = step && value == 9;
  always @(posedge clk) if (clear) value <= 0; else if (step) value <= carry ? 0 : value + 1;
endmodule

module top(input clk, input clear, output reg [6:0] segments, output reg [1:0] which);
  reg [7:0] divider = 0;
  wire tick = divider == 199;
  always @(posedge clk) divider <= tick ? 0 : divider + 1;
  wire [3:0] tens, ones;
  wire carry, unused;
  digit low(clk, tick, clear, ones, carry);
  digit high(clk, carry, clear, tens, unused);
  wire [3:0] shown = divider[0] ? tens : ones;
  always @(posedge clk) begin
    which <= divider[0] ? 2'b10 : 2'b01;
    case (shown)
      0: segments <= 7'h3f;
      1: segments <= 7'h06;
      2: segments <= 7'h5b;
      3: segments <= 7'h4f;
      4: segments <= 7'h66;
      5: segments <= 7'h6d;
      6: segments <= 7'h7d;
      7: segments <= 7'h07;
      8: segments <= 7'h7f;
      default: segments <= 7'h6f;
    endcase
  end
endmodule
