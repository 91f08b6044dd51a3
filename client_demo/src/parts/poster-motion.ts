// How the poster moves: slowly, and not at all for those who want it still.

import { css } from "lit";

export const posterMotion = css`
  .swing {
    transform-origin: 0 0;
    animation: swing 5s ease-in-out infinite alternate;
  }
  .wave {
    opacity: 0;
    animation: wave 6s linear infinite;
  }
  .wave:nth-child(2) {
    animation-delay: 2s;
  }
  .wave:nth-child(3) {
    animation-delay: 4s;
  }
  .cloud {
    animation: drift 90s linear infinite alternate;
  }
  .windows rect {
    animation: lit 11s ease-in-out infinite alternate;
  }
  .windows rect:nth-child(2) {
    animation-duration: 17s;
  }
  .windows rect:nth-child(3) {
    animation-duration: 7s;
  }
  .lamp {
    animation: breathe 5s ease-in-out infinite alternate;
  }
  .host {
    animation: bob 4.5s ease-in-out infinite alternate;
  }
  .head {
    transform-origin: 186px 388px;
    animation: nod 7s ease-in-out infinite;
  }
  .eyes {
    transform-origin: 186px 343px;
    animation: blink 4.8s linear infinite;
  }
  .mouth {
    transform-origin: 186px 362px;
    animation: talk 1.7s ease-in-out infinite alternate;
  }
  .wave-hand {
    transform-origin: 124px 500px;
    animation: hello 6.5s ease-in-out infinite;
  }
  .steam path {
    animation: steam 3.6s ease-in-out infinite;
  }
  .steam path + path {
    animation-delay: 1.4s;
  }
  .goods {
    animation: bob 4.5s ease-in-out infinite alternate-reverse;
  }
  :host(:not([live])) .lamp,
  :host(:not([live])) .steam {
    display: none;
  }

  @keyframes swing {
    from {
      transform: rotate(-3.2deg);
    }
    to {
      transform: rotate(3.2deg);
    }
  }
  @keyframes wave {
    0% {
      opacity: 0;
    }
    25% {
      opacity: 0.5;
    }
    100% {
      opacity: 0;
    }
  }
  @keyframes drift {
    to {
      transform: translateX(70px);
    }
  }
  @keyframes lit {
    0%,
    55% {
      opacity: 0.95;
    }
    70%,
    100% {
      opacity: 0.35;
    }
  }
  @keyframes breathe {
    from {
      opacity: 0.75;
    }
  }
  @keyframes bob {
    to {
      transform: translateY(-3px);
    }
  }
  @keyframes nod {
    0%,
    60%,
    100% {
      transform: rotate(0);
    }
    70% {
      transform: rotate(2.2deg);
    }
    82% {
      transform: rotate(-1.6deg);
    }
  }
  @keyframes blink {
    0%,
    95%,
    100% {
      transform: scaleY(1);
    }
    97.5% {
      transform: scaleY(0.08);
    }
  }
  @keyframes talk {
    from {
      transform: scaleY(0.55);
    }
  }
  @keyframes hello {
    0%,
    44%,
    100% {
      transform: rotate(0);
    }
    50%,
    66% {
      transform: rotate(-6deg);
    }
    58%,
    74% {
      transform: rotate(4deg);
    }
  }
  @keyframes steam {
    0% {
      opacity: 0;
      transform: translateY(10px);
    }
    40% {
      opacity: 0.75;
    }
    100% {
      opacity: 0;
      transform: translateY(-14px);
    }
  }
`;
